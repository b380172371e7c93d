import type { InstantRange } from './instant-range.ts'
import type { BillingTime, Cadence } from './interval.ts'
import { localDate, startOfDay } from './local-day.ts'

/** The endless row of whole periods of one subscription; boundaries fall on local starts of days. */
export interface PeriodGrid {
  readonly anchor: Temporal.PlainDate
  readonly cadence: Cadence
  readonly timeZone: string
}

// A Monday and the first day of a year: weeks, months, quarters and years counted from it are those of the calendar.
const CALENDAR_ANCHOR = Temporal.PlainDate.from('2001-01-01')

/** The grid of a subscription: calendar periods, or periods that keep the local day of its start. */
export function periodGrid({
  startedAt,
  cadence,
  billingTime,
  timeZone,
}: {
  startedAt: Temporal.Instant
  cadence: Cadence
  billingTime: BillingTime
  timeZone: string
}): PeriodGrid {
  const anchor = billingTime === 'calendar' ? CALENDAR_ANCHOR : localDate(startedAt, timeZone)
  return { anchor, cadence, timeZone }
}

/** The whole period that contains the instant. */
export function wholePeriodAt(grid: PeriodGrid, at: Temporal.Instant): InstantRange {
  let index = estimateIndex(grid, at)
  let start = boundary(grid, index)
  let end = boundary(grid, index + 1)
  // The estimate knows local dates only. Clamped month ends, and clocks set back over midnight, shift it by one.
  while (Temporal.Instant.compare(start, at) > 0) {
    index -= 1
    end = start
    start = boundary(grid, index)
  }
  while (Temporal.Instant.compare(end, at) <= 0) {
    index += 1
    start = end
    end = boundary(grid, index + 1)
  }
  return { start, end }
}

// Always derived from the anchor, so that a 31st that became a 28th is a 31st again the month after.
function boundary({ anchor, cadence, timeZone }: PeriodGrid, index: number): Temporal.Instant {
  return startOfDay(anchor.add({ [cadence.unit]: index * cadence.count }), timeZone)
}

function estimateIndex({ anchor, cadence, timeZone }: PeriodGrid, at: Temporal.Instant): number {
  const passed = anchor.until(localDate(at, timeZone), { largestUnit: cadence.unit })[cadence.unit]
  return Math.floor(passed / cadence.count)
}
