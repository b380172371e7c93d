import { Exact, ZERO } from '../money/decimal.ts'

/** The latest value and what made it the latest: its time, then its arrival. */
export interface LatestValue {
  readonly value: Exact
  readonly atMicros: number
  readonly arrival: bigint
}

/** What is known of the usage in some piece of time; pieces merge in any order. */
export interface UsagePart {
  readonly eventsCount: bigint
  readonly sum: Exact
  readonly max: Exact | null
  readonly min: Exact | null
  /** Sum of value × microseconds since the epoch; null where it is not kept. */
  readonly timeSum: Exact | null
  readonly latest: LatestValue | null
}

export const NO_USAGE: UsagePart = { eventsCount: 0n, sum: ZERO, max: null, min: null, timeSum: null, latest: null }

/** The part that one event makes. */
export function partOfEvent(value: Exact, atMicros: number, arrival: bigint): UsagePart {
  return {
    eventsCount: 1n,
    sum: value,
    max: value,
    min: value,
    timeSum: value.times(atMicros),
    latest: { value, atMicros, arrival },
  }
}

/** Both pieces of time together. */
export function mergeParts(one: UsagePart, other: UsagePart): UsagePart {
  return {
    eventsCount: one.eventsCount + other.eventsCount,
    sum: one.sum.plus(other.sum),
    max: either(one.max, other.max, (left, right) => Exact.max(left, right)),
    min: either(one.min, other.min, (left, right) => Exact.min(left, right)),
    timeSum: either(one.timeSum, other.timeSum, (left, right) => left.plus(right)),
    latest: either(one.latest, other.latest, laterValue),
  }
}

export function laterValue(one: LatestValue, other: LatestValue): LatestValue {
  if (one.atMicros !== other.atMicros) return one.atMicros > other.atMicros ? one : other
  return one.arrival >= other.arrival ? one : other
}

/** Both together, or the one that there is. */
export function either<Value>(
  one: Value | null,
  other: Value | null,
  both: (one: Value, other: Value) => Value,
): Value | null {
  if (one === null) return other
  return other === null ? one : both(one, other)
}
