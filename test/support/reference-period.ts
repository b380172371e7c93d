import type { CountedEvent, ReferenceSpan } from './reference-units.ts'

export type WindowSize = 'minute' | 'hour' | 'day' | 'week' | 'month'

/** A stretch of time that is measured by itself, and its events. */
export interface ReferenceWindow {
  readonly span: ReferenceSpan
  readonly events: readonly CountedEvent[]
}

/** The billed part of a calendar month; times are microseconds since 1970, the end is not part of it. */
export interface ReferencePeriod extends ReferenceSpan {
  readonly billedDays: number
  readonly wholeDays: number
  /** Local days that the times touch, both counted. */
  days(from: number, to: number): number
  /** The windows of the zone's clock that have events, in order, and how many have begun in all. */
  windows(size: WindowSize, events: readonly CountedEvent[]): { used: ReferenceWindow[]; count: number }
}

/** The month of `within` in the zone, cut to a subscription. */
export function referencePeriod(
  { startedAt, endedAt, timeZone }: { startedAt: string; endedAt: string | null; timeZone: string },
  within: string,
): ReferencePeriod {
  const zoned = (at: number) => Temporal.Instant.fromEpochNanoseconds(BigInt(at) * 1000n).toZonedDateTimeISO(timeZone)
  const first = Temporal.Instant.from(within).toZonedDateTimeISO(timeZone).with({ day: 1 }).startOfDay()
  const [wholeStart, wholeEnd] = [microsOf(first), microsOf(first.add({ months: 1 }))]
  const start = Math.max(wholeStart, microsOf(Temporal.Instant.from(startedAt)))
  const end = endedAt === null ? wholeEnd : Math.min(wholeEnd, microsOf(Temporal.Instant.from(endedAt)))
  const days = (from: number, to: number) => zoned(from).toPlainDate().until(zoned(to).toPlainDate()).days + 1
  return {
    start,
    end,
    wholeMicros: wholeEnd - wholeStart,
    billedDays: days(start, end - 1),
    wholeDays: days(wholeStart, wholeEnd - 1),
    days,
    windows: (size, events) => ({
      used: Array.from(
        Map.groupBy(events, ({ at }) => microsOf(windowStart(zoned(at), size))),
        ([from, within]) => {
          const to = microsOf(zoned(from).add({ [`${size}s`]: 1 }))
          const span = { start: Math.max(start, from), end: Math.min(end, to), wholeMicros: to - from }
          return { span, events: within }
        },
      ),
      count: windowsBegun(windowStart(zoned(start), size), end, size),
    }),
  }
}

// No clock changes in the months that are drawn, so hours and minutes are all of one length.
function windowsBegun(first: Temporal.ZonedDateTime, end: number, size: WindowSize): number {
  if (size === 'minute' || size === 'hour') {
    return Math.ceil((end - microsOf(first)) / (size === 'hour' ? 3_600_000_000 : 60_000_000))
  }
  let count = 0
  for (let at = first; microsOf(at) < end; at = at.add({ [`${size}s`]: 1 })) count += 1
  return count
}

function windowStart(at: Temporal.ZonedDateTime, size: WindowSize): Temporal.ZonedDateTime {
  if (size === 'month') return at.with({ day: 1 }).startOfDay()
  if (size === 'week') return at.subtract({ days: at.dayOfWeek - 1 }).startOfDay()
  return at.round({ smallestUnit: size, roundingMode: 'floor' })
}

function microsOf(at: Temporal.Instant | Temporal.ZonedDateTime): number {
  return Number(at.epochNanoseconds / 1000n)
}
