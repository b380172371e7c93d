export const QUARTER_HOUR_MICROS = 15 * 60 * 1_000_000
export const DAY_MICROS = 24 * 60 * 60 * 1_000_000
export const QUARTERS_PER_DAY = DAY_MICROS / QUARTER_HOUR_MICROS

/** Levels of the rollups. On quarter hours of UTC the midnight of every zone falls. */
export const QUARTER_HOUR = 0 as const
export const DAY = 1 as const

export type Level = typeof QUARTER_HOUR | typeof DAY

/** Number of the bucket since the epoch that holds the instant. */
export function bucketOf(level: Level, micros: number): number {
  return Math.floor(micros / (level === DAY ? DAY_MICROS : QUARTER_HOUR_MICROS))
}

/** Number of the first quarter hour that does not begin before the instant. */
export function quarterHourFrom(micros: number): number {
  return Math.ceil(micros / QUARTER_HOUR_MICROS)
}

/** The day that a quarter hour is part of. */
export function dayOfQuarterHour(bucket: number): number {
  return Math.floor(bucket / QUARTERS_PER_DAY)
}

/** Half-open ranges that together are exactly `[start, end)`: whole buckets where they fit, raw events at the edges. */
export interface UsageRanges {
  readonly days: BucketRange
  readonly quarterHours: readonly BucketRange[]
  readonly raw: readonly { readonly startMicros: number; readonly endMicros: number }[]
}

export interface BucketRange {
  readonly from: number
  readonly to: number
}

/** Cuts a period into the fewest pieces that the rollups can answer. */
export function cutIntoBuckets(startMicros: number, endMicros: number): UsageRanges {
  const quarters = { from: quarterHourFrom(startMicros), to: Math.floor(endMicros / QUARTER_HOUR_MICROS) }
  if (quarters.from > quarters.to) {
    return { days: NOTHING, quarterHours: [], raw: nonEmpty([{ startMicros, endMicros }]) }
  }
  const days = { from: Math.ceil(startMicros / DAY_MICROS), to: Math.floor(endMicros / DAY_MICROS) }
  const wholeDays = days.from < days.to
  return {
    days: wholeDays ? days : NOTHING,
    quarterHours: (wholeDays
      ? [
          { from: quarters.from, to: days.from * QUARTERS_PER_DAY },
          { from: days.to * QUARTERS_PER_DAY, to: quarters.to },
        ]
      : [quarters]
    ).filter((range) => range.from < range.to),
    raw: nonEmpty([
      { startMicros, endMicros: quarters.from * QUARTER_HOUR_MICROS },
      { startMicros: quarters.to * QUARTER_HOUR_MICROS, endMicros },
    ]),
  }
}

const NOTHING: BucketRange = { from: 0, to: 0 }

function nonEmpty(ranges: readonly { startMicros: number; endMicros: number }[]): UsageRanges['raw'] {
  return ranges.filter((range) => range.startMicros < range.endMicros)
}
