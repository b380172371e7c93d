import type { InstantRange } from './instant-range.ts'
import { earlierInstant, laterInstant } from './instant-range.ts'
import type { CadenceUnit, Interval } from './interval.ts'
import { cadenceOf } from './interval.ts'
import { localDate, startOfDay } from './local-day.ts'

/** Sizes of the windows that usage is priced or shown by. */
export const WINDOW_SIZES = ['minute', 'hour', 'day', 'week', 'month'] as const

export type WindowSize = (typeof WINDOW_SIZES)[number]

/** The most windows by which the usage of one period is priced: those of a month of minutes, or five years of hours. */
export const MAX_PRICED_WINDOWS = 50_000

/** How many windows the longest period of an interval has at most; a few more than there are, never fewer. */
export function mostWindowsOf(interval: Interval, size: WindowSize): number {
  const { count, unit } = cadenceOf(interval)
  return Math.ceil(count * LONGEST_DAYS[unit] * MOST_WINDOWS_A_DAY[size])
}

const LONGEST_DAYS: Readonly<Record<CadenceUnit, number>> = { days: 1, weeks: 7, months: 31, years: 366 }

const MOST_WINDOWS_A_DAY: Readonly<Record<WindowSize, number>> = {
  minute: 24 * 60,
  hour: 24,
  day: 1,
  week: 1 / 7,
  month: 1 / 28,
}

/** A window, or what a stretch of time has of it. */
export interface CutWindow extends InstantRange {
  /** The window without the cut. */
  readonly whole: InstantRange
}

/**
 * The windows of a stretch of time, in order: minutes, hours and days of the zone's clock, weeks from Monday, calendar
 * months. The first and the last are cut to the stretch; a day of a clock change has 23 or 25 hours.
 */
export function windowsWithin({ start, end }: InstantRange, size: WindowSize, timeZone: string): CutWindow[] {
  const borders = windowBorders({ start, end }, size, timeZone) ?? []
  return borders.slice(0, -1).map((from, index) => {
    const to = borders[index + 1] ?? end
    return { start: laterInstant(from, start), end: earlierInstant(to, end), whole: { start: from, end: to } }
  })
}

/**
 * The borders of the same windows without the cuts: one more than there are windows. Undefined when there are more
 * windows than `limit`.
 */
export function windowBorders(
  { start, end }: InstantRange,
  size: WindowSize,
  timeZone: string,
  limit = Infinity,
): Temporal.Instant[] | undefined {
  let border = windowStart(start, size, timeZone)
  const borders = [border]
  while (Temporal.Instant.compare(border, end) < 0) {
    if (borders.length > limit) return undefined
    border = nextWindowStart(border, size, timeZone)
    borders.push(border)
  }
  return borders
}

/** The start of the window that holds the instant. */
function windowStart(at: Temporal.Instant, size: WindowSize, timeZone: string): Temporal.Instant {
  if (size === 'minute' || size === 'hour') {
    return at.toZonedDateTimeISO(timeZone).round({ smallestUnit: size, roundingMode: 'floor' }).toInstant()
  }
  const date = localDate(at, timeZone)
  if (size === 'week') return startOfDay(date.subtract({ days: date.dayOfWeek - 1 }), timeZone)
  return startOfDay(size === 'month' ? date.with({ day: 1 }) : date, timeZone)
}

// Real time goes on where clocks are set back: the hour that comes twice is two windows.
function nextWindowStart(start: Temporal.Instant, size: WindowSize, timeZone: string): Temporal.Instant {
  if (size === 'minute') return start.add({ minutes: 1 })
  if (size === 'hour') {
    const later = start.add({ hours: 1 })
    const aligned = windowStart(later, size, timeZone)
    return Temporal.Instant.compare(aligned, start) > 0 ? aligned : later
  }
  return startOfDay(localDate(start, timeZone).add({ [`${size}s`]: 1 }), timeZone)
}
