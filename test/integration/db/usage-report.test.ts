import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { requireBillableMetric } from '../../../db/catalogue/billable-metrics.ts'
import { createConnection, withOrganization } from '../../../db/connection.ts'
import { USAGE_REPORT_LIMITS } from '../../../db/usage/report/report-limits.ts'
import { reportUsage } from '../../../db/usage/report/report-usage.ts'
import type { UsageReportRequest, UsageReportRow } from '../../../db/usage/report/usage-report.ts'
import { usageMetricOf } from '../../../db/usage/usage-metric.ts'
import type { WindowSize } from '../../../shared/calendar/windows.ts'
import type { AggregationName } from '../../../shared/metering/aggregations.ts'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { createMeteringFixture, insertMetric, type MeteringFixture } from '../../support/metering.ts'
import { usageEvent } from '../../support/usage-event.ts'

let fixture: MeteringFixture

beforeAll(async () => {
  fixture = await createMeteringFixture()
  for (const [code, { metric }] of Object.entries(REFERENCES)) {
    const field = metric.aggregation === 'count' || metric.expression !== undefined ? {} : { fieldName: 'v' }
    await insertMetric(fixture, { code, eventCode: 'e', dimensionKeys: ['region'], ...field, ...metric })
  }
})
afterAll(() => fixture.close())

// Plain SQL over one group of one window: `v` is its number, `item` its text, `stays` whether it is not taken away later;
// and which events count.
interface Reference {
  readonly metric: { readonly aggregation: AggregationName; readonly expression?: string; readonly percentile?: string }
  readonly units: string
  readonly counted: string
}

const LATEST = '(array_agg(v order by at desc, arrival desc) filter (where v is not null))[1]'
const WEIGHTED =
  'sum(v * extract(epoch from window_end - at)) / extract(epoch from min(window_end) - min(window_start))'

const REFERENCES: Readonly<Record<string, Reference>> = {
  count: { metric: { aggregation: 'count' }, units: 'count(*)', counted: 'count(*)' },
  sum: { metric: { aggregation: 'sum' }, units: 'sum(v)', counted: 'count(v)' },
  max: { metric: { aggregation: 'max' }, units: 'max(v)', counted: 'count(v)' },
  min: { metric: { aggregation: 'min' }, units: 'min(v)', counted: 'count(v)' },
  avg: { metric: { aggregation: 'avg' }, units: 'sum(v) / count(v)', counted: 'count(v)' },
  latest: { metric: { aggregation: 'latest' }, units: `greatest(${LATEST}, 0)`, counted: 'count(v)' },
  weighted_sum: { metric: { aggregation: 'weighted_sum' }, units: WEIGHTED, counted: 'count(v)' },
  unique_count: {
    metric: { aggregation: 'unique_count' },
    units: 'count(*) filter (where stays)',
    counted: 'count(item)',
  },
  percentile: {
    metric: { aggregation: 'percentile', percentile: '90' },
    units: 'percentile_disc(0.9) within group (order by v)',
    counted: 'count(v)',
  },
  expressed: {
    metric: { aggregation: 'sum', expression: 'properties.v * 2 + 1' },
    units: 'sum(v * 2 + 1)',
    counted: 'count(v)',
  },
  custom: {
    metric: { aggregation: 'custom', expression: 'sum(properties.v) * 3' },
    units: 'sum(v) * 3',
    counted: 'count(v)',
  },
}

interface Asked {
  readonly from: Temporal.Instant
  readonly to: Temporal.Instant
  readonly size: WindowSize | null
  readonly timeZone: string
  readonly byCustomer: boolean
  readonly groupBy: readonly string[]
  readonly regions: readonly string[] | null
  readonly customers: readonly string[]
}

async function report(code: string, asked: Asked): Promise<string[]> {
  const rows = await withOrganization(createConnection(fixture.pool), fixture.organizationId, async (transaction) => {
    const metric = usageMetricOf(await requireBillableMetric(transaction, fixture.organizationId, code))
    return await reportUsage(
      transaction,
      fixture.organizationId,
      requestOf(metric, asked, await keysOf(asked.customers)),
    )
  })
  return rows.filter(({ eventsCount }) => eventsCount > 0n).map(short)
}

function requestOf(metric: UsageReportRequest['metric'], asked: Asked, customerIds: number[]): UsageReportRequest {
  const { from: start, to: end, size, timeZone, byCustomer, groupBy: properties, regions } = asked
  return {
    metric,
    start,
    end,
    windows: size === null ? null : { size, timeZone },
    grouping: { byCustomer, bySubscription: false, properties },
    scope: {
      customerIds,
      externalSubscriptionIds: null,
      filters: regions === null ? [] : [{ property: 'region', values: regions }],
    },
  }
}

async function keysOf(externalIds: readonly string[]): Promise<number[]> {
  const { rows } = await fixture.pool.query<{ customer_id: number }>(
    'select customer_id from customers where external_id = any($1)',
    [externalIds],
  )
  return rows.map((row) => row.customer_id)
}

function short({ start, externalCustomerId, groups, units, eventsCount }: UsageReportRow): string {
  return [start, externalCustomerId ?? '*', ...groups, units.toDecimalPlaces(9).toFixed(), eventsCount].join(' | ')
}

async function plainSql({ units, counted }: Reference, asked: Asked): Promise<string[]> {
  const { from, to, size, timeZone, byCustomer, groupBy, regions, customers } = asked
  const groups = groupBy.map(
    (path, index) => `coalesce(properties #>> '{${path.replace('.', ',')}}', '') as group_${index}`,
  )
  const keys = ['who', ...groupBy.map((_, index) => `group_${index}`)]
  const start = size === null ? '$2::timestamptz' : `date_trunc('${size}', "timestamp", '${timeZone}')`
  const next =
    size === null
      ? '$3::timestamptz'
      : size === 'minute' || size === 'hour'
        ? `${start} + interval '1 ${size}'`
        : `(date_trunc('${size}', "timestamp" at time zone '${timeZone}') + interval '1 ${size}') at time zone '${timeZone}'`
  const { rows } = await fixture.pool.query<{ row: string }>(
    `with read as (
       select ${['"timestamp" as at', `${byCustomer ? 'external_id' : "'*'"} as who`, ...groups].join(', ')},
         arrival, properties, ${start} as window_no,
         greatest(${start}, $2::timestamptz) as window_start, least(${next}, $3::timestamptz) as window_end,
         properties ->> 'v' as item,
         case when properties ->> 'v' ~ '^-?[0-9.]+$' then (properties ->> 'v')::numeric end as v
       from usage_events join customers using (customer_id)
       where external_id = any($1) and "timestamp" >= $2 and "timestamp" < $3
         and ($4::text[] is null or coalesce(properties ->> 'region', '') = any($4))
     ), marked as (
       select *, item is not null and properties ->> 'operation_type' is distinct from 'remove' and row_number() over
         (partition by window_no, ${keys.join(', ')}, item order by at desc, arrival desc) = 1 as stays
       from read)
     select concat_ws(' | ', to_char(window_no at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ${keys.join(', ')},
       trim_scale(round(${units}, 9)), ${counted}) as row
     from marked group by window_no, ${keys.join(', ')} having ${counted} > 0
     order by window_no, ${keys.map((key) => `${key} collate "C"`).join(', ')}`,
    [customers, from.toString(), to.toString(), regions],
  )
  return rows.map(({ row }) => row)
}

const EPOCH = Temporal.Instant.from('2026-03-20T00:00:00Z')

const drawnEvent = fc.record({
  second: fc.integer({ min: 0, max: 20 * 86_400 }),
  customer: fc.nat({ max: 1 }),
  v: fc.oneof(fc.integer({ min: -9, max: 20 }), fc.constantFrom('0.125', '33.3', 7.5, 'many', null)),
  region: fc.constantFrom('eu', 'us', null, 7),
  model: fc.constantFrom({ name: 'large' }, { name: 'small' }, 'none'),
  operation_type: fc.constantFrom('add', 'remove'),
})

const drawnQuestion = fc.record({
  fromSecond: fc.integer({ min: -86_400, max: 5 * 86_400 }),
  seconds: fc.oneof(fc.integer({ min: 1, max: 15 * 86_400 }), fc.constant(10 * 86_400)),
  aligned: fc.boolean(),
  size: fc.constantFrom<(WindowSize | null)[]>(null, 'minute', 'hour', 'day', 'week', 'month'),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/Los_Angeles'),
  byCustomer: fc.boolean(),
  groupBy: fc.subarray(['region', 'model.name']),
  regions: fc.option(fc.subarray(['eu', 'us', '', '7'], { minLength: 1 })),
})

test('every aggregation by any window, zone, group and filter is what plain SQL over the raw events gives', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(drawnEvent, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 25 }),
      fc.array(drawnQuestion, { minLength: 3, maxLength: 3 }),
      async (drawn, batchSize, questions) => {
        run += 1
        const customers = [`one-${run}`, `two-${run}`]
        const events = drawn.map(({ second, customer, ...properties }, index) =>
          usageEvent({
            externalCustomerId: customers[customer] ?? '',
            transactionId: `${index}`,
            code: 'e',
            timestampMicros: (EPOCH.epochMilliseconds + second * 1000) * 1000,
            properties,
          }),
        )
        await arrive([...events, ...events.slice(0, 5)], batchSize)
        for (const question of questions) {
          const asked = askedOf(question, customers)
          for (const [code, reference] of Object.entries(REFERENCES)) {
            expect(await report(code, asked), `${code} ${JSON.stringify(asked)}`).toEqual(
              await plainSql(reference, asked),
            )
          }
        }
      },
    ),
    { numRuns: 10 },
  )
}, 120_000)

async function arrive(events: readonly UsageEvent[], batchSize: number): Promise<void> {
  const batches = Map.groupBy(events, (_, index) => Math.floor(index / batchSize))
  for (const batch of batches.values()) {
    const received = batch.map((event) => ({ event, receivedAt: '2026-03-03T12:00:01Z' }))
    await aggregateEvents(fixture.pool, fixture.organizationId, received)
  }
}

type Question = typeof drawnQuestion extends fc.Arbitrary<infer Drawn> ? Drawn : never

function askedOf({ fromSecond, seconds, aligned, ...question }: Question, customers: string[]): Asked {
  const onQuarter = (second: number) => (aligned ? Math.floor(second / 900) * 900 : second)
  const from = EPOCH.add({ seconds: onQuarter(fromSecond) })
  return { ...question, from, to: from.add({ seconds: aligned ? onQuarter(seconds) + 900 : seconds }), customers }
}

test('a report beyond its limits is refused, whatever it is that is too much', async () => {
  const externalCustomerId = 'limits'
  const events = Array.from({ length: 6 }, (_, index) =>
    usageEvent({ externalCustomerId, code: 'e', properties: { v: index, model: { name: `m${index}` } } }),
  )
  await arrive(events, 10)
  const connection = createConnection(fixture.pool)
  const refusal = (code: string, groupBy: string[], limits: object) =>
    withOrganization(connection, fixture.organizationId, async (transaction) => {
      const metric = usageMetricOf(await requireBillableMetric(transaction, fixture.organizationId, code))
      const asked = { from: EPOCH.subtract({ hours: 24 * 30 }), to: EPOCH, size: 'day' as const, timeZone: 'UTC' }
      const about = { ...asked, byCustomer: false, groupBy, regions: null, customers: [externalCustomerId] }
      const request = requestOf(metric, about, await keysOf(about.customers))
      return await reportUsage(transaction, fixture.organizationId, request, { ...USAGE_REPORT_LIMITS, ...limits })
    })
  await expect(refusal('sum', ['model.name'], { rows: 5 })).rejects.toThrow('more than 5 rows')
  await expect(refusal('percentile', [], { events: 5 })).rejects.toThrow('more than 5 events one by one')
  await expect(refusal('sum', [], { windows: 29 })).rejects.toThrow('more than 29 windows of a day')
  expect(await refusal('sum', ['model.name'], { rows: 6, windows: 30 })).toHaveLength(6)
  const locked = await fixture.pool.connect()
  try {
    await locked.query('begin; lock table usage_series in access exclusive mode')
    await expect(refusal('sum', [], { statementMs: 100 })).rejects.toThrow('longer than 0.1 seconds')
  } finally {
    await locked.query('rollback')
    locked.release()
  }
})
