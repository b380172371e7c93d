import type { CountableEvent } from './usage-events.ts'

type Timed = Pick<CountableEvent, 'customerId' | 'event'>

/** The earliest time of the events of each customer, in microseconds since the epoch. */
export function earliestMicros(events: readonly Timed[]): ReadonlyMap<number, number> {
  const earliest = new Map<number, number>()
  for (const event of events) noteEarliest(earliest, event)
  return earliest
}

/** Notes an event among them. */
export function noteEarliest(earliest: Map<number, number>, { customerId, event: { timestampMicros } }: Timed): void {
  const before = earliest.get(customerId)
  if (before === undefined || timestampMicros < before) earliest.set(customerId, timestampMicros)
}
