import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createConnection, withOrganization } from '../../../db/connection.ts'
import { readUsage } from '../../../db/usage/read-usage.ts'
import type { UsageMetric } from '../../../db/usage/usage-question.ts'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { type AggregationName, aggregationOf } from '../../../shared/metering/aggregations.ts'
import { heldUnits } from '../../../shared/metering/held-units.ts'
import { type MeasuredUsage, measureUsage } from '../../../shared/metering/measure-usage.ts'
import { roundUnits } from '../../../shared/metering/rounding.ts'
import { microsOfInstant } from '../../../shared/metering/timestamp.ts'
import { partOfEvent } from '../../../shared/metering/usage-part.ts'
import { decimal, Exact } from '../../../shared/money/decimal.ts'
import { proratedUsage } from '../../../shared/pricing/unit-stack.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { createMeteringFixture, insertMetric, type MeteringFixture } from '../../support/metering.ts'
import { usageEvent } from '../../support/usage-event.ts'

interface Case {
  readonly id: string
  readonly aggregation: string
  readonly field: string | null
  readonly recurring: boolean
  readonly period: { readonly from: string; readonly to: string }
  readonly events: readonly { readonly timestamp: string; readonly properties: Readonly<Record<string, unknown>> }[]
  readonly expected_units: string
  readonly round_to?: number
  readonly rounding?: { readonly function: 'round' | 'ceil' | 'floor'; readonly precision: number | null } | null
  readonly filters?: Readonly<Record<string, readonly string[]>>
  readonly group?: Readonly<Record<string, string>>
  readonly initial_value?: string
  readonly prorated?: boolean
  readonly period_days?: number
  readonly timezone: string
  readonly expression?: string
  readonly custom?: unknown
}

const CASES = parseExactJson(
  readFileSync(new URL('../../cases/lago-aggregation.json', import.meta.url), 'utf8'),
) as Case[]

// A peer's custom metric is a program that walks the events; ours is an expression over them. The one program that is
// described adds up its field.
const customExpression = ({ custom, field }: Case): string | null =>
  custom === undefined ? null : `sum(event.properties.${field ?? ''})`

let fixture: MeteringFixture

beforeAll(async () => {
  fixture = await createMeteringFixture()
})
afterAll(() => fixture.close())

async function unitsOf(one: Case): Promise<string> {
  const aggregation = one.aggregation.replace(/_agg$/, '') as AggregationName
  const fieldName = aggregation === 'count' || aggregation === 'custom' ? null : one.field
  const expression = one.expression ?? customExpression(one)
  const dimensionKeys = Object.keys(dimensionsAsked(one))
  const metricId = await insertMetric(fixture, {
    dimensionKeys,
    code: one.id,
    aggregation,
    ...(fieldName === null ? {} : { fieldName }),
    ...(expression === null ? {} : { expression }),
  })
  const events = one.events.map(({ timestamp, properties }) =>
    usageEvent({
      externalCustomerId: one.id,
      code: one.id,
      timestampMicros: microsOfInstant(Temporal.Instant.from(timestamp)),
      properties,
    }),
  )
  const received = events.map((event) => ({ event, receivedAt: '2026-01-01T00:00:00Z' }))
  await aggregateEvents(fixture.pool, fixture.organizationId, received)
  const metric: UsageMetric = {
    id: metricId,
    aggregation,
    fieldName,
    expression,
    eventCode: one.id,
    recurring: one.recurring,
    rounding: one.rounding == null ? null : { mode: one.rounding.function, precision: one.rounding.precision ?? 0 },
    percentile: null,
    generation: 1,
    dimensionKeys: Object.keys(dimensionsAsked(one)),
  }
  return await measure(one, metric)
}

/** The values of the dimensions that the case looks at, by key. */
function dimensionsAsked({ filters = {}, group = {} }: Case): Record<string, readonly string[]> {
  return { ...filters, ...Object.fromEntries(Object.entries(group).map(([key, value]) => [key, [value]])) }
}

async function measure(one: Case, metric: UsageMetric): Promise<string> {
  const { start, end } = periodOf(one)
  const { rows } = await fixture.pool.query<{ customer_id: number }>(
    'select customer_id from customers where external_id = $1',
    [one.id],
  )
  const about = {
    customerId: rows[0]?.customer_id ?? 0,
    metric,
    externalSubscriptionId: null,
    source: one.prorated === true ? ('events' as const) : aggregationOf(metric.aggregation).source,
  }
  const windows = [{ ...about, start, end }]
  const before = metric.recurring
    ? [{ ...about, start: Temporal.Instant.from('2000-01-01T00:00:00Z'), end: start }]
    : []
  const found = await withOrganization(createConnection(fixture.pool), fixture.organizationId, (transaction) =>
    readUsage(transaction, fixture.organizationId, [...windows, ...before]),
  )
  const slices = found.filter(({ dimensions }) =>
    Object.entries(dimensionsAsked(one)).every(([key, values]) => values.includes(dimensions[key] ?? '')),
  )
  const startMicros = microsOfInstant(start)
  const carried = slices.filter(({ position }) => position === 1)
  const initial = one.initial_value === undefined ? [] : [partOfEvent(decimal(one.initial_value), startMicros, 0n)]
  const seen = slices.filter(({ position }) => position === 0)
  return unitsText(one, metric, {
    parts: seen.map(({ part }) => part),
    carried: [...initial, ...carried.map(({ part }) => part)],
    events: [...carried, ...seen].flatMap(({ events }) => events),
  })
}

function unitsText(one: Case, metric: UsageMetric, usage: MeasuredUsage): string {
  const { start, end } = periodOf(one)
  if (one.prorated === true) {
    const billedDays = one.period_days ?? 0
    const period = { start, end, periodStart: start, periodEnd: end, billedDays, periodDays: billedDays }
    const { units } = proratedUsage(heldUnits(metric.aggregation, usage, { period, timeZone: one.timezone }), 0n)
    // Fractions stay whole here; a peer cuts them behind the fifth digit, upwards, before it rounds.
    return roundUnits(units.toDecimalPlaces(5, Exact.ROUND_CEIL), metric.rounding).toFixed()
  }
  const [startMicros, endMicros] = [microsOfInstant(start), microsOfInstant(end)]
  const { units } = measureUsage(metric, usage, { startMicros, endMicros, periodMicros: endMicros - startMicros })
  return (one.round_to === undefined ? units : units.toDecimalPlaces(one.round_to)).toFixed()
}

// Peers close a period at its last moment; ours is half-open, so it ends with the next second.
function periodOf({ period: { from, to } }: Case): { start: Temporal.Instant; end: Temporal.Instant } {
  const lastSecond = Temporal.Instant.from(to).round({ smallestUnit: 'second', roundingMode: 'floor' })
  return { start: Temporal.Instant.from(from), end: lastSecond.add({ seconds: 1 }) }
}

describe('the units of a metric over stored events', () => {
  test.each(CASES.map((one) => [one.id, one] as const))('%s', async (_id, one) => {
    expect(await unitsOf(one)).toBe(decimal(one.expected_units).toFixed())
  })
})
