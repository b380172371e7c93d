import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { insertBillableMetric } from '../../../db/catalogue/billable-metrics.ts'
import { createConnection, withOrganization } from '../../../db/connection.ts'
import { readUsage } from '../../../db/usage/read-usage.ts'
import type { UsageMetric, UsageQuestion } from '../../../db/usage/usage-question.ts'
import { type AggregationName, aggregationOf } from '../../../shared/metering/aggregations.ts'
import { measureUsage } from '../../../shared/metering/measure-usage.ts'
import { microsOfInstant } from '../../../shared/metering/timestamp.ts'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { decimal } from '../../../shared/money/decimal.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { rebuildPage } from '../../../workers/rebuild-usage/rebuild-page.ts'
import {
  createMeteringFixture,
  insertMetric,
  type MeteringFixture,
  unprocessedReasons,
} from '../../support/metering.ts'
import { usageEvent } from '../../support/usage-event.ts'

let fixture: MeteringFixture

beforeAll(async () => {
  fixture = await createMeteringFixture()
})
afterAll(() => fixture.close())

async function aggregate(events: readonly UsageEvent[]): Promise<void> {
  const received = events.map((event) => ({ event, receivedAt: '2026-03-03T12:00:01Z' }))
  await aggregateEvents(fixture.pool, fixture.organizationId, received)
}

async function metricOf(code: string): Promise<UsageMetric> {
  const { rows } = await fixture.pool.query<{ id: string; aggregation: AggregationName; percentile: string | null }>(
    'select id, aggregation, percentile from billable_metrics where code = $1',
    [code],
  )
  const row = rows[0]
  if (row === undefined) throw new Error(`no metric ${code}`)
  return {
    ...row,
    eventCode: 'aggregated',
    fieldName: 'v',
    expression: null,
    recurring: false,
    rounding: null,
    percentile: row.percentile === null ? null : decimal(row.percentile),
    generation: 1,
    dimensionKeys: [],
  }
}

const START = Temporal.Instant.from('2026-01-01T00:07:00Z')
const END = Temporal.Instant.from('2026-01-20T13:00:00Z')

async function unitsOf(externalCustomerId: string, metric: UsageMetric): Promise<string> {
  const { rows } = await fixture.pool.query<{ customer_id: number }>(
    'select customer_id from customers where external_id = $1',
    [externalCustomerId],
  )
  const question: UsageQuestion = {
    customerId: rows[0]?.customer_id ?? 0,
    metric,
    externalSubscriptionId: null,
    start: START,
    end: END,
    source: aggregationOf(metric.aggregation).source,
  }
  const slices = await withOrganization(createConnection(fixture.pool), fixture.organizationId, (transaction) =>
    readUsage(transaction, fixture.organizationId, [question]),
  )
  const window = { startMicros: microsOfInstant(START), endMicros: microsOfInstant(END), periodMicros: 10 ** 12 }
  const usage = { parts: slices.map(({ part }) => part), carried: [], events: slices.flatMap(({ events }) => events) }
  return measureUsage(metric, usage, window).units.toDecimalPlaces(12).toFixed()
}

// Plain SQL over the raw events says what the units are.
const REFERENCES: Record<Exclude<AggregationName, 'custom'>, string> = {
  count: 'count(*)',
  sum: 'coalesce(sum(v), 0)',
  max: 'coalesce(max(v), 0)',
  min: 'coalesce(min(v), 0)',
  avg: 'coalesce(round(sum(v) / count(*), 12), 0)',
  latest: 'greatest(coalesce((array_agg(v order by at desc, arrival desc))[1], 0), 0)',
  weighted_sum: `coalesce(round(sum(v * extract(epoch from timestamptz '${END}' - at)::numeric) * 1000000 / 1000000000000, 12), 0)`,
  unique_count: 'count(distinct v)',
  percentile: 'coalesce(percentile_disc(0.9) within group (order by v), 0)',
}

test('every aggregation gives what plain SQL over the raw events gives, whatever the order and the batches', async () => {
  for (const aggregation of Object.keys(REFERENCES) as AggregationName[]) {
    const field = aggregation === 'count' ? {} : { fieldName: 'v' }
    const percentile = aggregation === 'percentile' ? { percentile: '90' } : {}
    await insertMetric(fixture, { code: aggregation, aggregation, eventCode: 'aggregated', ...field, ...percentile })
  }
  let run = 0
  const drawn = fc.record({
    second: fc.integer({ min: -86_400, max: 22 * 86_400 }),
    v: fc.oneof(fc.integer({ min: -20, max: 50 }), fc.constantFrom('0.125', '33.3', 7.5)),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(drawn, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 15 }),
      async (drawnEvents, size) => {
        run += 1
        const externalCustomerId = `aggregated-${run}`
        const events = drawnEvents.map(({ second, v }, index) =>
          usageEvent({
            externalCustomerId,
            transactionId: `${index}`,
            code: 'aggregated',
            timestampMicros: microsOfInstant(START) + second * 1_000_000,
            properties: { v },
          }),
        )
        const batches = Map.groupBy([...events, ...events.slice(0, 3)], (_, index) => Math.floor(index / size))
        for (const batch of batches.values()) await aggregate(batch)
        const columns = Object.entries(REFERENCES).map(
          ([name, sql]) => `trim_scale((${sql})::numeric)::text as ${name}`,
        )
        const { rows } = await fixture.pool.query<Record<string, string>>(
          `select ${columns.join(', ')} from (
           select "timestamp" as at, arrival, (properties ->> 'v')::numeric as v from usage_events
           join customers using (customer_id)
           where external_id = $1 and "timestamp" >= $2 and "timestamp" < $3) events`,
          [externalCustomerId, START.toString(), END.toString()],
        )
        for (const [name, expected] of Object.entries(rows[0] ?? {})) {
          expect(await unitsOf(externalCustomerId, await metricOf(name)), name).toBe(expected)
        }
      },
    ),
    { numRuns: 12 },
  )
})

test('a metric defined after its events counts them, each once, while more arrive', async () => {
  const about = { externalCustomerId: 'late-metric', code: 'early' }
  const event = (index: number) =>
    usageEvent({
      ...about,
      transactionId: `early-${index}`,
      timestampMicros: microsOfInstant(START) + index * 1_000_000,
      properties: { v: 1 },
    })
  const events = Array.from({ length: 400 }, (_, index) => event(index))
  await aggregate(events.slice(0, 150))
  expect((await unprocessedReasons(fixture)).filter((line) => line.includes('metric_not_found'))).toHaveLength(150)
  const connection = createConnection(fixture.pool)
  const [metric] = await Promise.all([
    withOrganization(connection, fixture.organizationId, (transaction) =>
      insertBillableMetric(transaction, fixture.organizationId, {
        code: 'late',
        name: 'Late',
        description: null,
        aggregation: 'sum',
        fieldName: 'v',
        eventCode: 'early',
      }),
    ),
    ...[150, 200, 250].map((from) => aggregate(events.slice(from, from + 50))),
  ])
  const rebuild = async () => {
    while (await rebuildPage(fixture.pool, fixture.organizationId, metric.id));
  }
  await Promise.all([rebuild(), aggregate(events.slice(300)), aggregate(events.slice(0, 50)), rebuild()])
  await rebuild()
  const { rows } = await fixture.pool.query(
    `select level, sum(value_sum)::int as units from usage_rollups join usage_series using (customer_id, series_id)
     where billable_metric_id = $1 group by level order by level`,
    [metric.id],
  )
  expect(rows).toEqual([
    { level: 0, units: 400 },
    { level: 1, units: 400 },
  ])
  expect((await unprocessedReasons(fixture)).filter((line) => line.includes('metric_not_found'))).toEqual([])
  const state = await fixture.pool.query('select rebuild_cursor from billable_metrics where id = $1', [metric.id])
  expect(state.rows).toEqual([{ rebuild_cursor: null }])
})
