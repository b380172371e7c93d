/** Sequences from `first` to `last`, both included; safe integers from 1. */
export interface SequenceRange {
  readonly first: number
  readonly last: number
}

/** A range that has not arrived, and since when; the time is only passed on. */
export interface SequenceGap extends SequenceRange {
  readonly missingSince: string | null
}

/** What a producer's sequences have come to: all up to the highest have arrived, except those in gaps. */
export interface SequenceState {
  readonly highest: number
  readonly gaps: readonly SequenceGap[]
}

export interface SequenceChange extends SequenceState {
  /** How many sequences arrived for the first time. */
  readonly arrived: number
}

/**
 * Adds ranges that arrived to what was known; ranges and gaps are sorted and do not overlap. Gaps that open carry null in
 * place of a time; what is left of an older gap keeps its own. Adding the same ranges again changes nothing.
 */
export function addSequences({ highest, gaps }: SequenceState, ranges: readonly SequenceRange[]): SequenceChange {
  let reached = highest
  const opened = [...gaps]
  for (const range of ranges) {
    if (range.first > reached + 1) opened.push({ first: reached + 1, last: range.first - 1, missingSince: null })
    reached = Math.max(reached, range.last)
  }
  const left = cutOut(opened, ranges)
  return { highest: reached, gaps: left, arrived: reached - highest - (sizeOf(left) - sizeOf(gaps)) }
}

/** The same sequences in the fewest ranges, sorted; given ones may overlap. */
export function mergeRanges(ranges: readonly SequenceRange[]): SequenceRange[] {
  const merged: SequenceRange[] = []
  for (const range of ranges.toSorted((one, other) => one.first - other.first)) {
    const last = merged.at(-1)
    if (last === undefined || range.first > last.last + 1) merged.push(range)
    else merged[merged.length - 1] = { first: last.first, last: Math.max(last.last, range.last) }
  }
  return merged
}

function cutOut(gaps: readonly SequenceGap[], ranges: readonly SequenceRange[]): SequenceGap[] {
  const left: SequenceGap[] = []
  let next = 0
  for (const gap of gaps) {
    let first = gap.first
    while (next > 0 && (ranges[next - 1]?.last ?? 0) >= first) next -= 1
    for (; first <= gap.last; next += 1) {
      const range = ranges[next]
      if (range === undefined || range.first > gap.last) break
      if (range.last < first) continue
      if (range.first > first) left.push({ ...gap, first, last: range.first - 1 })
      first = range.last + 1
    }
    if (first <= gap.last) left.push({ ...gap, first })
  }
  return left
}

function sizeOf(gaps: readonly SequenceGap[]): number {
  return gaps.reduce((size, { first, last }) => size + last - first + 1, 0)
}
