import { assert } from '../errors.ts'
import type { InstantRange } from './instant-range.ts'
import { earlierInstant, laterInstant } from './instant-range.ts'
import type { BillingTime, Interval } from './interval.ts'
import { cadenceOf } from './interval.ts'
import { daysBetween, laterDate, localDate, startOfDay } from './local-day.ts'
import { periodGrid, wholePeriodAt } from './period-grid.ts'

/**
 * What one subscription is billed for at once. `start` and `end` are the exact instants of the usage window, half-open;
 * `periodStart` and `periodEnd` bound the whole period it is part of. A fixed fee is due for `billedDays` of
 * `periodDays`, both whole local calendar days.
 */
export interface BillingPeriod extends InstantRange {
  readonly periodStart: Temporal.Instant
  readonly periodEnd: Temporal.Instant
  readonly billedDays: number
  readonly periodDays: number
}

/** What the periods of a subscription follow from. */
export interface BillingSchedule {
  readonly startedAt: Temporal.Instant
  readonly interval: Interval
  readonly billingTime: BillingTime
  /** IANA name of the customer's zone. */
  readonly timeZone: string
}

/**
 * The period that contains `at`, which must not be before the subscription's start. The first period opens at the very
 * instant of the start, and the local day of the start is billed whole.
 */
export function billingPeriodAt(schedule: BillingSchedule & { readonly at: Temporal.Instant }): BillingPeriod {
  const { startedAt, timeZone, at } = schedule
  assert(Temporal.Instant.compare(startedAt, at) <= 0, 'a billing period was asked for before the subscription starts')
  const whole = wholePeriodOf(schedule, at)
  const start = laterInstant(startedAt, whole.start)
  return withDays({ start, end: whole.end, periodStart: whole.start, periodEnd: whole.end }, timeZone)
}

/**
 * The period of bounds that were stored, in the zone that it was opened in. It may begin some hours off the days of that
 * zone, where the zone of the customer had changed before.
 */
export function storedPeriod(schedule: BillingSchedule, { start, end }: InstantRange): BillingPeriod {
  const whole = wholePeriodOf(schedule, end.subtract({ nanoseconds: 1 }))
  return withDays({ start, end, periodStart: whole.start, periodEnd: whole.end }, schedule.timeZone)
}

/**
 * The period after this one; a truncated period is followed by the one after the whole period. Given another zone, it
 * begins where this one ends and is over with the local date that ends it there, so that no day is billed twice.
 */
export function nextBillingPeriod(
  schedule: BillingSchedule,
  period: BillingPeriod,
  nextTimeZone: string = schedule.timeZone,
): BillingPeriod {
  if (nextTimeZone === schedule.timeZone) return billingPeriodAt({ ...schedule, at: period.periodEnd })
  const next = { ...schedule, timeZone: nextTimeZone }
  const start = period.periodEnd
  const sameDate = wholePeriodOf(next, startOfDay(localDate(start, schedule.timeZone), nextTimeZone))
  // A period of a day may be over before it begins, where the zones lie a day apart.
  const whole = Temporal.Instant.compare(start, sameDate.end) < 0 ? sameDate : wholePeriodOf(next, start)
  return withDays({ start, end: whole.end, periodStart: whole.start, periodEnd: whole.end }, nextTimeZone)
}

/** The part of a period from an instant on, whose local day is billed whole; nothing of it where that is its end. */
export function periodSince(period: BillingPeriod, from: Temporal.Instant, timeZone: string): BillingPeriod {
  if (Temporal.Instant.compare(from, period.start) <= 0) return period
  return withDays({ ...period, start: earlierInstant(from, period.end) }, timeZone)
}

/**
 * The part of a period before `endedAt`. The local day of the end is billed, unless the end is its very first instant:
 * that day belongs to what follows. An end at or after the period's own changes nothing, an end at its start leaves no
 * day to bill.
 */
export function truncatePeriod(period: BillingPeriod, endedAt: Temporal.Instant, timeZone: string): BillingPeriod {
  if (Temporal.Instant.compare(endedAt, period.end) >= 0) return period
  assert(Temporal.Instant.compare(period.start, endedAt) <= 0, 'a billing period was cut before its start')
  return withDays({ ...period, end: endedAt }, timeZone)
}

/** Billed days of the period from the local day of `at`, an instant of it, on. */
export function billedDaysFrom(period: PeriodBounds, at: Temporal.Instant, timeZone: string): number {
  return countBilledDays({ ...period, start: at }, timeZone)
}

function wholePeriodOf(schedule: BillingSchedule, at: Temporal.Instant): InstantRange {
  return wholePeriodAt(periodGrid({ ...schedule, cadence: cadenceOf(schedule.interval) }), at)
}

type PeriodBounds = Pick<BillingPeriod, 'start' | 'end' | 'periodStart' | 'periodEnd'>

function withDays({ start, end, periodStart, periodEnd }: PeriodBounds, timeZone: string): BillingPeriod {
  const periodDays = daysBetween(localDate(periodStart, timeZone), localDate(periodEnd, timeZone))
  const billedDays = countBilledDays({ start, end, periodStart, periodEnd }, timeZone)
  return { start, end, periodStart, periodEnd, billedDays, periodDays }
}

function countBilledDays({ start, end, periodStart, periodEnd }: PeriodBounds, timeZone: string): number {
  if (start.equals(end)) return 0
  // Where clocks go back over midnight, the date before returns for some minutes after a period began.
  const firstDay = laterDate(localDate(start, timeZone), localDate(periodStart, timeZone))
  const dayAfter = end.equals(periodEnd) ? localDate(end, timeZone) : dayAfterLastMoment(end, timeZone)
  return daysBetween(firstDay, laterDate(firstDay.add({ days: 1 }), dayAfter))
}

function dayAfterLastMoment(end: Temporal.Instant, timeZone: string): Temporal.PlainDate {
  return localDate(end.subtract({ nanoseconds: 1 }), timeZone).add({ days: 1 })
}
