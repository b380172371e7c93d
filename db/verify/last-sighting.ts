/** The last event of a value that a series counts once. */
export interface LastSighting {
  readonly micros: number
  readonly arrival: bigint
  /** Whether this event did not take the value away. */
  readonly isPresent: boolean
}

/** The last events of values by the key of their series, then by the hash of the value. */
export type DistinctValues<Sighting extends LastSighting = LastSighting> = ReadonlyMap<
  string,
  ReadonlyMap<string, Sighting>
>

/** Whether both are the same event; what it did is another matter. */
export function isSameEvent(one: LastSighting, other: LastSighting): boolean {
  return one.micros === other.micros && one.arrival === other.arrival
}

/** Whether an event comes after another: by time, then by arrival. */
export function isLaterEvent(one: LastSighting, other: LastSighting): boolean {
  return one.micros === other.micros ? one.arrival > other.arrival : one.micros > other.micros
}
