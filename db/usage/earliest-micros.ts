import type { StoredUsageEvent } from './usage-events.ts'

/** The earliest time of the events of each customer, in microseconds since the epoch. */
export function earliestMicros(
  events: readonly Pick<StoredUsageEvent, 'customerId' | 'event'>[],
): ReadonlyMap<number, number> {
  const earliest = new Map<number, number>()
  for (const { customerId, event } of events) {
    const before = earliest.get(customerId) ?? Number.POSITIVE_INFINITY
    if (event.timestampMicros < before) earliest.set(customerId, event.timestampMicros)
  }
  return earliest
}
