import { parseExactJson } from '../json/exact-json.ts'
import { canonicalProperties } from './event-identity.ts'
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
  { preciseTotalAmountCents: amount, properties, ...changes }: EventChanges,
): UsageEvent {
  const amended = { ...event, ...changes, ...(properties === undefined ? {} : { properties: asStored(properties) }) }
  if (amount === undefined) return amended
  const { preciseTotalAmountCents: _, ...unpriced } = amended
  return amount === null ? unpriced : { ...unpriced, preciseTotalAmountCents: amount }
}

// It is counted as it is written, and must count the same when it is read.
function asStored(properties: UsageEvent['properties']): UsageEvent['properties'] {
  return parseExactJson(canonicalProperties(properties).text) as UsageEvent['properties']
}
