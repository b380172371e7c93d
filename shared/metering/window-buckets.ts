import { type BucketRange, cutIntoBuckets, DAY, type Level, QUARTER_HOUR } from './buckets.ts'

/** Whole buckets of one level. */
export interface LeveledRange extends BucketRange {
  readonly level: Level
}

export interface MicrosSpan {
  readonly startMicros: number
  readonly endMicros: number
}

/**
 * Cuts neighbouring windows, in order of time, into the pieces that rollups can answer: no bucket lies in two windows.
 * What touches is one range, so that a year of days is as few as a day.
 */
export function cutWindowsIntoBuckets(windows: readonly MicrosSpan[]): {
  readonly buckets: readonly LeveledRange[]
  readonly raw: readonly MicrosSpan[]
} {
  const cuts = windows.map(({ startMicros, endMicros }) => cutIntoBuckets(startMicros, endMicros))
  const days = cuts.map((cut) => cut.days).filter(({ from, to }) => from < to)
  const quarterHours = cuts.flatMap((cut) => cut.quarterHours)
  return {
    buckets: [
      ...joined(days).map((range) => ({ level: DAY, ...range })),
      ...joined(quarterHours).map((range) => ({ level: QUARTER_HOUR, ...range })),
    ],
    raw: joined(
      cuts.flatMap(({ raw }) => raw.map(({ startMicros, endMicros }) => ({ from: startMicros, to: endMicros }))),
    ).map(({ from, to }) => ({ startMicros: from, endMicros: to })),
  }
}

function joined(ranges: readonly BucketRange[]): BucketRange[] {
  const result: BucketRange[] = []
  for (const range of ranges) {
    const last = result.at(-1)
    if (last !== undefined && last.to === range.from) result[result.length - 1] = { from: last.from, to: range.to }
    else result.push(range)
  }
  return result
}
