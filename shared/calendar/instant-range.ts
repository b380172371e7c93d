/** A stretch of time, half-open: `start` belongs to it, `end` does not. */
export interface InstantRange {
  readonly start: Temporal.Instant
  readonly end: Temporal.Instant
}

// Half-open, so an event at midnight belongs to exactly one period.
export function contains(range: InstantRange, at: Temporal.Instant): boolean {
  return Temporal.Instant.compare(range.start, at) <= 0 && Temporal.Instant.compare(at, range.end) < 0
}

export function laterInstant(one: Temporal.Instant, other: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(one, other) < 0 ? other : one
}

export function earlierInstant(one: Temporal.Instant, other: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(one, other) < 0 ? one : other
}
