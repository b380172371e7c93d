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
      customerId: customer.customerId,
      registered: customer.registered,
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
  const first: IdentifiedEvent[] = []
  const resent: IdentifiedEvent[] = []
  let last: IdentifiedEvent | undefined
  // Sorting keeps the order of equals, so the first of each identity is the first that arrived.
  for (const event of events.toSorted(byIdentity)) {
    if (last?.customerId === event.customerId && last.eventKey === event.eventKey) resent.push(event)
    else first.push(event)
    last = event
  }
  return { first, resent }
}

function byIdentity(left: IdentifiedEvent, right: IdentifiedEvent): number {
  if (left.customerId !== right.customerId) return left.customerId - right.customerId
  if (left.eventKey === right.eventKey) return 0
  return left.eventKey < right.eventKey ? -1 : 1
}
