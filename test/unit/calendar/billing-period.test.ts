import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BillingPeriod, BillingSchedule } from '../../../shared/calendar/billing-period.ts'
import { billingPeriodAt, nextBillingPeriod, truncatePeriod } from '../../../shared/calendar/billing-period.ts'
import { contains } from '../../../shared/calendar/instant-range.ts'
import type { BillingTime, Interval } from '../../../shared/calendar/interval.ts'
import { INTERVALS } from '../../../shared/calendar/interval.ts'
import { startOfDay } from '../../../shared/calendar/local-day.ts'

const instant = (text: string): Temporal.Instant => Temporal.Instant.from(text)

/** A period as its local times and its day fraction. */
function show(period: BillingPeriod, timeZone: string): string {
  const [start, end] = [period.start, period.end].map((at) =>
    at.toZonedDateTimeISO(timeZone).toPlainDateTime().toString({ smallestUnit: 'minute' }),
  )
  return `${start} ${end} ${period.billedDays}/${period.periodDays}`
}

function firstPeriods(schedule: BillingSchedule, count: number): string[] {
  const periods = [billingPeriodAt({ ...schedule, at: schedule.startedAt })]
  while (periods.length < count) periods.push(nextBillingPeriod(schedule, periods.at(-1) as BillingPeriod))
  return periods.map((period) => show(period, schedule.timeZone))
}

interface PeriodsCase {
  rule: string
  startedAt: string
  timeZone?: string
  interval: Interval
  billingTime: BillingTime
  periods: string[]
}

describe('periods of a subscription', () => {
  test.each<PeriodsCase>([
    {
      rule: 'calendar months start on the first, and the first one is a part of its month',
      startedAt: '2024-01-15T10:30:00Z',
      interval: 'monthly',
      billingTime: 'calendar',
      periods: [
        '2024-01-15T10:30 2024-02-01T00:00 17/31',
        '2024-02-01T00:00 2024-03-01T00:00 29/29',
        '2024-03-01T00:00 2024-04-01T00:00 31/31',
      ],
    },
    {
      rule: 'calendar weeks run from Monday to Sunday',
      startedAt: '2024-05-02T12:00:00Z',
      interval: 'weekly',
      billingTime: 'calendar',
      periods: ['2024-05-02T12:00 2024-05-06T00:00 4/7', '2024-05-06T00:00 2024-05-13T00:00 7/7'],
    },
    {
      rule: 'calendar quarters start in January, April, July and October',
      startedAt: '2023-08-20T00:00:00Z',
      interval: 'quarterly',
      billingTime: 'calendar',
      periods: [
        '2023-08-20T00:00 2023-10-01T00:00 42/92',
        '2023-10-01T00:00 2024-01-01T00:00 92/92',
        '2024-01-01T00:00 2024-04-01T00:00 91/91',
        '2024-04-01T00:00 2024-07-01T00:00 91/91',
      ],
    },
    {
      rule: 'calendar years start on the first of January',
      startedAt: '2024-12-31T23:59:00Z',
      interval: 'yearly',
      billingTime: 'calendar',
      periods: ['2024-12-31T23:59 2025-01-01T00:00 1/366', '2025-01-01T00:00 2026-01-01T00:00 365/365'],
    },
    {
      rule: 'calendar periods before the year 2001 are the same',
      startedAt: '1999-12-31T08:00:00Z',
      interval: 'quarterly',
      billingTime: 'calendar',
      periods: ['1999-12-31T08:00 2000-01-01T00:00 1/92', '2000-01-01T00:00 2000-04-01T00:00 91/91'],
    },
    {
      rule: 'the zone decides which day, and so which month, a start falls into',
      startedAt: '2024-02-29T23:30:00Z',
      timeZone: 'Asia/Tokyo',
      interval: 'monthly',
      billingTime: 'calendar',
      periods: ['2024-03-01T08:30 2024-04-01T00:00 31/31', '2024-04-01T00:00 2024-05-01T00:00 30/30'],
    },
    {
      rule: 'an anniversary on the 31st falls on the last day of short months and returns to the 31st',
      startedAt: '2024-01-31T15:00:00Z',
      interval: 'monthly',
      billingTime: 'anniversary',
      periods: [
        '2024-01-31T15:00 2024-02-29T00:00 29/29',
        '2024-02-29T00:00 2024-03-31T00:00 31/31',
        '2024-03-31T00:00 2024-04-30T00:00 30/30',
        '2024-04-30T00:00 2024-05-31T00:00 31/31',
      ],
    },
    {
      rule: 'an anniversary on 29 February is on the 28th in common years',
      startedAt: '2024-02-29T00:00:00Z',
      interval: 'yearly',
      billingTime: 'anniversary',
      periods: [
        '2024-02-29T00:00 2025-02-28T00:00 365/365',
        '2025-02-28T00:00 2026-02-28T00:00 365/365',
        '2026-02-28T00:00 2027-02-28T00:00 365/365',
        '2027-02-28T00:00 2028-02-29T00:00 366/366',
      ],
    },
    {
      rule: 'an anniversary on 28 February stays on the 28th',
      startedAt: '2023-02-28T00:00:00Z',
      interval: 'yearly',
      billingTime: 'anniversary',
      periods: ['2023-02-28T00:00 2024-02-28T00:00 365/365', '2024-02-28T00:00 2025-02-28T00:00 366/366'],
    },
    {
      rule: 'a quarterly anniversary uses every third month only',
      startedAt: '2024-11-30T06:00:00Z',
      interval: 'quarterly',
      billingTime: 'anniversary',
      periods: [
        '2024-11-30T06:00 2025-02-28T00:00 90/90',
        '2025-02-28T00:00 2025-05-30T00:00 91/91',
        '2025-05-30T00:00 2025-08-30T00:00 92/92',
      ],
    },
    {
      rule: 'a weekly anniversary keeps its weekday, and a day of 23 hours is a whole day',
      startedAt: '2024-03-28T20:00:00Z',
      timeZone: 'Europe/Berlin',
      interval: 'weekly',
      billingTime: 'anniversary',
      periods: ['2024-03-28T21:00 2024-04-04T00:00 7/7', '2024-04-04T00:00 2024-04-11T00:00 7/7'],
    },
    {
      rule: 'where a clock change skips midnight, the period starts with the first moment of the day',
      startedAt: '2018-10-04T12:00:00Z',
      timeZone: 'America/Sao_Paulo',
      interval: 'monthly',
      billingTime: 'anniversary',
      periods: ['2018-10-04T09:00 2018-11-04T01:00 31/31', '2018-11-04T01:00 2018-12-04T00:00 30/30'],
    },
    {
      rule: 'a boundary on a date that a zone left out falls on the next day',
      startedAt: '2011-12-23T12:00:00Z',
      timeZone: 'Pacific/Apia',
      interval: 'weekly',
      billingTime: 'anniversary',
      periods: ['2011-12-23T02:00 2011-12-31T00:00 8/8', '2011-12-31T00:00 2012-01-06T00:00 6/6'],
    },
    {
      rule: 'where midnight comes twice, the period starts with the first',
      startedAt: '2009-10-15T12:00:00Z',
      timeZone: 'America/St_Johns',
      interval: 'monthly',
      billingTime: 'calendar',
      periods: ['2009-10-15T09:30 2009-11-01T00:00 17/31', '2009-11-01T00:00 2009-12-01T00:00 30/30'],
    },
  ])('$rule', ({ startedAt, timeZone = 'UTC', interval, billingTime, periods }) => {
    const schedule = { startedAt: instant(startedAt), timeZone, interval, billingTime }
    expect(firstPeriods(schedule, periods.length)).toEqual(periods)
  })

  test('the bounds of the whole period stay known in its first part', () => {
    const period = billingPeriodAt({
      startedAt: instant('2024-01-15T10:30:00Z'),
      at: instant('2024-01-20T00:00:00Z'),
      interval: 'monthly',
      billingTime: 'calendar',
      timeZone: 'UTC',
    })
    expect(period.periodStart.toString()).toBe('2024-01-01T00:00:00Z')
    expect(period.periodEnd.toString()).toBe('2024-02-01T00:00:00Z')
  })

  test('a start in the repeated hour before a repeated midnight belongs to the period already begun', () => {
    const period = billingPeriodAt({
      startedAt: instant('2009-11-01T02:45:00Z'), // 23:15 on 31 October, for the second time
      at: instant('2009-11-01T02:45:00Z'),
      interval: 'monthly',
      billingTime: 'calendar',
      timeZone: 'America/St_Johns',
    })
    expect(show(period, 'America/St_Johns')).toBe('2009-10-31T23:15 2009-12-01T00:00 30/30')
  })

  test('an end in that repeated hour bills the first day of the period', () => {
    const timeZone = 'America/St_Johns'
    const november = billingPeriodAt({
      startedAt: instant('2009-10-15T12:00:00Z'),
      at: instant('2009-11-15T12:00:00Z'),
      interval: 'monthly',
      billingTime: 'calendar',
      timeZone,
    })
    const cut = truncatePeriod(november, instant('2009-11-01T02:45:00Z'), timeZone)
    expect(show(cut, timeZone)).toBe('2009-11-01T00:00 2009-10-31T23:15 1/30')
  })

  test('no period is asked for before the start', () => {
    const schedule: BillingSchedule = {
      startedAt: instant('2024-01-15T10:30:00Z'),
      interval: 'monthly',
      billingTime: 'calendar',
      timeZone: 'UTC',
    }
    expect(() => billingPeriodAt({ ...schedule, at: instant('2024-01-15T10:29:59Z') })).toThrow(
      /before the subscription/,
    )
  })
})

describe('a period that ends early', () => {
  const timeZone = 'America/New_York'
  const period = billingPeriodAt({
    startedAt: instant('2024-03-05T15:00:00Z'),
    at: instant('2024-03-05T15:00:00Z'),
    interval: 'monthly',
    billingTime: 'calendar',
    timeZone,
  })
  test.each([
    ['the day of the end counts', '2024-03-20T13:00:00Z', '2024-03-05T10:00 2024-03-20T09:00 16/31'],
    ['the first instant of a day is not in it', '2024-03-20T04:00:00Z', '2024-03-05T10:00 2024-03-20T00:00 15/31'],
    ['a moment later that day counts', '2024-03-20T04:00:00.000001Z', '2024-03-05T10:00 2024-03-20T00:00 16/31'],
    ['an end on the day of the start bills that day', '2024-03-05T15:00:01Z', '2024-03-05T10:00 2024-03-05T10:00 1/31'],
    ['an end at the start bills no day', '2024-03-05T15:00:00Z', '2024-03-05T10:00 2024-03-05T10:00 0/31'],
    ['an end at the end changes nothing', '2024-04-01T04:00:00Z', '2024-03-05T10:00 2024-04-01T00:00 27/31'],
    ['an end after it changes nothing', '2024-05-01T04:00:00Z', '2024-03-05T10:00 2024-04-01T00:00 27/31'],
  ])('%s', (_rule, endedAt, expected) => {
    expect(show(truncatePeriod(period, instant(endedAt), timeZone), timeZone)).toBe(expected)
  })

  test('an end before the start is a fault of the caller', () => {
    expect(() => truncatePeriod(period, instant('2024-03-05T14:59:59Z'), timeZone)).toThrow(/before its start/)
  })

  test('the period after a cut one is the one after the whole period', () => {
    const schedule: BillingSchedule = {
      startedAt: period.start,
      interval: 'monthly',
      billingTime: 'calendar',
      timeZone,
    }
    const cut = truncatePeriod(period, instant('2024-03-20T13:00:00Z'), timeZone)
    expect(show(nextBillingPeriod(schedule, cut), timeZone)).toBe('2024-04-01T00:00 2024-05-01T00:00 30/30')
  })
})

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'America/St_Johns',
  'America/Havana',
  'Africa/Cairo',
  'Africa/Casablanca',
  'Asia/Beirut',
  'Asia/Kathmandu',
  'Asia/Gaza',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'Pacific/Chatham',
]

const schedules = fc.record({
  startedAt: fc
    .integer({ min: 820_454_400, max: 2_082_758_400 })
    .map((seconds) => Temporal.Instant.fromEpochMilliseconds(seconds * 1000)),
  interval: fc.constantFrom(...INTERVALS),
  billingTime: fc.constantFrom<BillingTime>('calendar', 'anniversary'),
  timeZone: fc.constantFrom(...ZONES),
})

describe('in every zone', () => {
  test('periods tile time without gap or overlap, each holding its start and not its end', () => {
    fc.assert(
      fc.property(schedules, fc.integer({ min: 1, max: 8 }), (schedule, count) => {
        let period = billingPeriodAt({ ...schedule, at: schedule.startedAt })
        expect(period.start.equals(schedule.startedAt)).toBe(true)
        for (let index = 0; index < count; index += 1) {
          expect(contains(period, period.start)).toBe(true)
          expect(contains(period, period.end)).toBe(false)
          expect(period.end.equals(period.periodEnd)).toBe(true)
          const next = nextBillingPeriod(schedule, period)
          expect(next.start.equals(period.end)).toBe(true)
          expect(next.billedDays).toBe(next.periodDays)
          period = next
        }
      }),
      { numRuns: 300 },
    )
  })

  test('every instant of a period leads to that same period', () => {
    fc.assert(
      fc.property(
        schedules,
        fc.nat(1_500 * 86_400),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (schedule, seconds, share) => {
          const period = billingPeriodAt({ ...schedule, at: schedule.startedAt.add({ seconds }) })
          const lengthMs = period.end.epochMilliseconds - period.start.epochMilliseconds
          const at = period.start.add({ milliseconds: Math.floor(lengthMs * share) })
          expect(JSON.stringify(billingPeriodAt({ ...schedule, at }))).toBe(JSON.stringify(period))
          expect(contains(period, schedule.startedAt.add({ seconds }))).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('boundaries are the first instants of local days', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const { end } = billingPeriodAt({ ...schedule, at: schedule.startedAt })
        const date = end.toZonedDateTimeISO(schedule.timeZone).toPlainDate()
        expect(startOfDay(date, schedule.timeZone).equals(end)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('billed days are at least one, at most the whole period, and grow with the end', () => {
    fc.assert(
      fc.property(schedules, fc.double({ min: 0.0001, max: 1, noNaN: true }), (schedule, share) => {
        const period = billingPeriodAt({ ...schedule, at: schedule.startedAt })
        const lengthMs = period.end.epochMilliseconds - period.start.epochMilliseconds
        const endedAt = period.start.add({ milliseconds: Math.max(1, Math.floor(lengthMs * share)) })
        const cut = truncatePeriod(period, endedAt, schedule.timeZone)
        expect(cut.billedDays).toBeGreaterThanOrEqual(1)
        expect(cut.billedDays).toBeLessThanOrEqual(period.billedDays)
        expect(period.billedDays).toBeLessThanOrEqual(period.periodDays)
        expect(cut.periodDays).toBe(period.periodDays)
      }),
      { numRuns: 300 },
    )
  })
})
