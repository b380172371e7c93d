import type { UsageEvent } from './usage-event.ts'

/** What of an event is said anew; what is absent stays, null takes away. Whose event it is and its identity never change. */
export interface EventChanges {
  readonly code?: string
  readonly externalSubscriptionId?: string | null
  /** Microseconds since the epoch. */
  readonly timestampMicros?: number
  /** Minor units, as decimal text. */
  readonly preciseTotalAmountCents?: string | null
  /** All of them: those that are not given are gone. */
  readonly properties?: UsageEvent['properties']
}

/** The event as it should have been sent. */
export function amendEvent(
  event: UsageEvent,
  { preciseTotalAmountCents: amount, ...changes }: EventChanges,
): UsageEvent {
  const amended = { ...event, ...changes }
  if (amount === undefined) return amended
  const { preciseTotalAmountCents: _, ...unpriced } = amended
  return amount === null ? unpriced : { ...unpriced, preciseTotalAmountCents: amount }
}
