import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contains } from '../../../shared/calendar/instant-range.ts'
import type { AttributableSubscription } from '../../../shared/invoicing/attribution.ts'
import { attributedRanges } from '../../../shared/invoicing/attribution.ts'

const at = (day: number): Temporal.Instant => Temporal.Instant.from('2024-01-01T00:00:00Z').add({ hours: day * 24 })

function subscription(
  id: string,
  startDay: number,
  endDay: number | null,
  {
    ownEventsOnly = false,
    metrics = ['tokens'],
    enteredDay = startDay,
  }: { ownEventsOnly?: boolean; metrics?: string[]; enteredDay?: number } = {},
): AttributableSubscription {
  const endedAt = endDay === null ? null : at(endDay)
  const chargedMetricIds = new Set(metrics)
  return { id, startedAt: at(startDay), endedAt, enteredAt: at(enteredDay), ownEventsOnly, chargedMetricIds }
}

/** The days from and until which each subscription pays, in a period from day 0 to day 30. */
function daysOf(...subscriptions: AttributableSubscription[]): Record<string, number[]> {
  const period = { start: at(0), end: at(30) }
  const day = (instant: Temporal.Instant): number => at(0).until(instant, { largestUnit: 'hours' }).hours / 24
  return Object.fromEntries(
    subscriptions.map(({ id }) => [
      id,
      attributedRanges({ subscriptions, subscriptionId: id, metricId: 'tokens', period }).flatMap(({ start, end }) => [
        day(start),
        day(end),
      ]),
    ]),
  )
}

describe('an event that names only the customer', () => {
  test.each<[string, AttributableSubscription[], Record<string, number[]>]>([
    ['is billed on the only subscription', [subscription('a', -5, null)], { a: [0, 30] }],
    ['is billed from its start and until its end', [subscription('a', 3, 20)], { a: [3, 20] }],
    [
      'is billed on the earliest-started one',
      [subscription('late', 5, null), subscription('early', 1, null)],
      { early: [1, 30], late: [] },
    ],
    [
      'is billed on the next one once the first has ended',
      [subscription('a', -9, 10), subscription('b', 5, null), subscription('c', 8, null)],
      { a: [0, 10], b: [10, 30], c: [] },
    ],
    [
      'is billed on the next one from its own start, when there was a pause',
      [subscription('a', -9, 10), subscription('b', 12, null)],
      { a: [0, 10], b: [12, 30] },
    ],
    [
      'is billed on the lower id where starts are equal',
      [subscription('b', 0, null), subscription('a', 0, 15)],
      { a: [0, 15], b: [15, 30] },
    ],
    [
      'stays with the one that had it when another is entered with an earlier start',
      [subscription('b', 0, null), subscription('a', -20, null, { enteredDay: 12 })],
      { b: [0, 12], a: [12, 30] },
    ],
    [
      'goes to one that is entered with an earlier start for the time in which there was no other',
      [subscription('a', 2, null, { enteredDay: 12 })],
      { a: [2, 30] },
    ],
    [
      'is not billed on one that takes its own events only',
      [subscription('a', 0, null, { ownEventsOnly: true }), subscription('b', 4, null)],
      { a: [], b: [4, 30] },
    ],
    [
      'is not billed on one that does not charge the metric',
      [subscription('a', 0, null, { metrics: ['requests'] }), subscription('b', 4, null)],
      { a: [], b: [4, 30] },
    ],
    [
      'is not billed on one that was over, or not begun, in the period',
      [subscription('old', -9, -1), subscription('now', -8, null), subscription('later', 40, null)],
      { old: [], now: [0, 30], later: [] },
    ],
  ])('%s', (_rule, subscriptions, expected) => {
    expect(daysOf(...subscriptions)).toEqual(expected)
  })

  test('is billed on nothing that the customer does not have', () => {
    const asked = { subscriptionId: 'x', metricId: 'tokens', period: { start: at(0), end: at(30) } }
    expect(attributedRanges({ ...asked, subscriptions: [subscription('a', 0, null)] })).toEqual([])
  })

  test('is at every instant billed on the first live one and on no other', () => {
    const lives = fc.record({
      startDay: fc.integer({ min: -10, max: 35 }),
      days: fc.option(fc.integer({ min: 0, max: 30 })),
      entryDelay: fc.integer({ min: 0, max: 25 }),
      ownEventsOnly: fc.boolean(),
      charges: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(lives, { maxLength: 6 }), fc.integer({ min: 0, max: 29 }), (list, day) => {
        const subscriptions = list.map(({ startDay, days, entryDelay, ownEventsOnly, charges }, index) =>
          subscription(`s${index}`, startDay, days === null ? null : startDay + days, {
            enteredDay: startDay + entryDelay,
            ownEventsOnly,
            metrics: charges ? ['tokens'] : [],
          }),
        )
        const period = { start: at(0), end: at(30) }
        const payers = subscriptions.filter(({ id }) =>
          attributedRanges({ subscriptions, subscriptionId: id, metricId: 'tokens', period }).some((range) =>
            contains(range, at(day)),
          ),
        )
        expect(payers.map(({ id }) => id)).toEqual(firstLive(list, day))
      }),
      { numRuns: 500 },
    )
  })
})

interface Life {
  startDay: number
  days: number | null
  entryDelay: number
  ownEventsOnly: boolean
  charges: boolean
}

// Those entered by the day come first, by their start; then the others, by their entry. Ids follow the order of the
// list, so a stable sort leaves ties to the lower id.
function firstLive(list: readonly Life[], day: number): string[] {
  const [first] = list
    .map((life, index) => ({ ...life, id: `s${index}`, enteredDay: life.startDay + life.entryDelay }))
    .filter(({ ownEventsOnly, charges }) => !ownEventsOnly && charges)
    .filter(({ startDay, days }) => startDay <= day && (days === null || day < startDay + days))
    .sort((one, other) => {
      const [oneIsIn, otherIsIn] = [one.enteredDay <= day, other.enteredDay <= day]
      if (oneIsIn !== otherIsIn) return oneIsIn ? -1 : 1
      return (oneIsIn ? 0 : one.enteredDay - other.enteredDay) || one.startDay - other.startDay
    })
  return first === undefined ? [] : [first.id]
}
