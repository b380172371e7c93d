import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BillingPeriod, billingPeriodAt, truncatePeriod } from '../../../shared/calendar/billing-period.ts'
import type { CountedValue } from '../../../shared/metering/aggregation.ts'
import { heldUnits } from '../../../shared/metering/held-units.ts'
import { microsOfInstant } from '../../../shared/metering/timestamp.ts'
import { NO_USAGE } from '../../../shared/metering/usage-part.ts'
import { decimal, Exact, ZERO } from '../../../shared/money/decimal.ts'
import { proratedUsage } from '../../../shared/pricing/unit-stack.ts'

const HOUR_MICROS = 3_600_000_000

const drawnPeriod = fc
  .record({
    timeZone: fc.constantFrom('UTC', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia'),
    startedAt: fc.constantFrom('2026-03-01T00:00:00Z', '2026-03-05T17:30:00Z', '2026-10-01T00:00:00Z'),
    endsAfterHours: fc.option(fc.integer({ min: 1, max: 700 })),
  })
  .map(({ timeZone, startedAt: text, endsAfterHours }) => {
    const startedAt = Temporal.Instant.from(text)
    const whole = billingPeriodAt({ startedAt, interval: 'monthly', billingTime: 'calendar', timeZone, at: startedAt })
    const period =
      endsAfterHours === null ? whole : truncatePeriod(whole, startedAt.add({ hours: endsAfterHours }), timeZone)
    return { timeZone, period }
  })

const drawnEvents = fc.array(
  fc.record({
    hour: fc.integer({ min: -100, max: 760 }),
    item: fc.constantFrom('a', 'b', 'c'),
    removes: fc.boolean(),
  }),
  { maxLength: 25 },
)

type DrawnEvents = typeof drawnEvents extends fc.Arbitrary<infer Events> ? Events : never

// The local days are counted by name, one after the other, which knows nothing of lots.
function daysOf(period: BillingPeriod, timeZone: string): string[] {
  const names = new Set<string>()
  for (let at = period.start; Temporal.Instant.compare(at, period.end) < 0; at = at.add({ minutes: 15 })) {
    names.add(at.toZonedDateTimeISO(timeZone).toPlainDate().toString())
  }
  return [...names]
}

function eventsOf(drawn: DrawnEvents, { start, end }: BillingPeriod): CountedValue[] {
  return drawn
    .toSorted((one, other) => one.hour - other.hour)
    .map(({ hour, item, removes }) => ({
      value: item,
      timestampMicros: microsOfInstant(start) + hour * HOUR_MICROS,
      amountMinor: null,
      properties: removes ? { operation_type: 'remove' } : {},
    }))
    .filter(({ timestampMicros }) => timestampMicros < microsOfInstant(end))
}

test('an item is held on every local day on which it was there at any moment', () => {
  fc.assert(
    fc.property(drawnPeriod, drawnEvents, (held, drawn) => {
      const { period, timeZone } = held
      const events = eventsOf(drawn, period)
      const present = new Set<string>()
      let itemDays = 0
      const apply = ({ value, properties }: CountedValue): void => {
        if (properties['operation_type'] === 'remove') present.delete(value)
        else present.add(value)
      }
      const dayOf = ({ timestampMicros }: CountedValue) =>
        Temporal.Instant.fromEpochMilliseconds(timestampMicros / 1000)
          .toZonedDateTimeISO(timeZone)
          .toPlainDate()
      for (const event of events.filter(({ timestampMicros }) => timestampMicros < microsOfInstant(period.start))) {
        apply(event)
      }
      const within = events.filter(({ timestampMicros }) => timestampMicros >= microsOfInstant(period.start))
      for (const day of daysOf(period, timeZone)) {
        const seen = new Set(present)
        for (const event of within.filter((one) => dayOf(one).toString() === day)) {
          apply(event)
          if (present.has(event.value)) seen.add(event.value)
        }
        itemDays += seen.size
      }
      const stack = heldUnits('unique_count', { parts: [], carried: [], events }, held)
      const { units, fullUnits } = proratedUsage(stack, 0n)
      expect(units.times(stack.periodDays).toDecimalPlaces(20).toFixed()).toBe(String(itemDays))
      expect(fullUnits?.toFixed()).toBe(String(present.size))
    }),
    { numRuns: 200 },
  )
})

test('a sum weighs each value by the local days from its own to the end, and what was carried over by all', () => {
  fc.assert(
    fc.property(drawnPeriod, drawnEvents, fc.integer({ min: 0, max: 9 }), (held, drawn, before) => {
      const { period, timeZone } = held
      const events = eventsOf(drawn, period)
        .filter(({ timestampMicros }) => timestampMicros >= microsOfInstant(period.start))
        .map((event, index) => ({ ...event, value: String((index % 7) - 2.5) }))
      const names = daysOf(period, timeZone)
      const expected = events.reduce((sum, { value, timestampMicros }) => {
        const at = Temporal.Instant.fromEpochMilliseconds(timestampMicros / 1000).toZonedDateTimeISO(timeZone)
        return sum.plus(decimal(value).times(names.length - names.indexOf(at.toPlainDate().toString())))
      }, new Exact(before).times(names.length))
      const carried = [{ ...NO_USAGE, sum: new Exact(before) }]
      const { lots, periodDays } = heldUnits('sum', { parts: [], carried, events }, held)
      const unitDays = lots.reduce((sum, { units, heldDays }) => sum.plus(units.times(heldDays)), ZERO)
      expect(unitDays.toFixed()).toBe(expected.toFixed())
      expect(periodDays.toNumber()).toBe(period.periodDays)
    }),
    { numRuns: 200 },
  )
})

test('units of other aggregations are not held', () => {
  const period = billingPeriodAt({
    startedAt: Temporal.Instant.from('2026-03-01T00:00:00Z'),
    interval: 'monthly',
    billingTime: 'calendar',
    timeZone: 'UTC',
    at: Temporal.Instant.from('2026-03-01T00:00:00Z'),
  })
  const usage = { parts: [], carried: [], events: [] }
  expect(() => heldUnits('max', usage, { period, timeZone: 'UTC' })).toThrow(/not held/)
})
