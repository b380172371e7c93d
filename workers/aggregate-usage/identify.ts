import type { EventKey } from '../../db/usage/event-keys.ts'
import type { CustomerReference } from '../../db/usage/ingest-references.ts'
import type { StoredUsageEvent } from '../../db/usage/usage-events.ts'
import { assert } from '../../shared/errors.ts'
import { contentHash, eventKey } from '../../shared/metering/event-identity.ts'
import type { ReceivedEvent } from './usage-batch.ts'

/** An event with its customer's key and its identity. */
export interface IdentifiedEvent extends StoredUsageEvent, EventKey {
  readonly registered: boolean
}

export function attachCustomers(
  received: readonly ReceivedEvent[],
  customers: ReadonlyMap<string, CustomerReference>,
  firstArrival: bigint,
): IdentifiedEvent[] {
  return received.map(({ event, receivedAt }, place) => {
    const customer = customers.get(event.externalCustomerId)
    assert(customer !== undefined, 'a customer reference was not created')
    return {
      event,
      receivedAt,
      arrival: firstArrival + BigInt(place),
      ...customer,
      eventKey: eventKey(event),
      contentHash: contentHash(event),
      timestampMicros: event.timestampMicros,
    }
  })
}

/**
 * The first event of each identity, sorted by identity so that transactions claim in one order, and those that the
 * same batch holds again.
 */
export function separateDuplicates(events: readonly IdentifiedEvent[]): {
  readonly first: readonly IdentifiedEvent[]
  readonly resent: readonly IdentifiedEvent[]
} {
  const byIdentity = new Map<string, IdentifiedEvent>()
  const resent: IdentifiedEvent[] = []
  for (const event of events) {
    const identity = `${event.customerId}/${event.eventKey}`
    if (byIdentity.has(identity)) resent.push(event)
    else byIdentity.set(identity, event)
  }
  return { first: [...byIdentity.values()].sort(byIdentityOrder), resent }
}

function byIdentityOrder(left: IdentifiedEvent, right: IdentifiedEvent): number {
  return left.customerId - right.customerId || (left.eventKey < right.eventKey ? -1 : 1)
}
