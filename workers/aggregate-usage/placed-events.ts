import type { CustomerReference } from '../../db/usage/ingest-references.ts'
import type { StoredUsageEvent } from '../../db/usage/usage-events.ts'
import { assert } from '../../shared/errors.ts'
import type { Identities } from './identify.ts'
import type { ReceivedEvent } from './usage-batch.ts'

/** An event with its customer's key, its identity and its place among those received together. */
export interface PlacedEvent extends StoredUsageEvent {
  readonly place: number
  readonly registered: boolean
}

/** What is known of events by their place. */
export interface PlacedEvents {
  readonly received: Iterable<ReceivedEvent>
  readonly identities: Identities
  readonly customers: ReadonlyMap<string, CustomerReference>
  readonly firstArrival: bigint
}

/** The events whose places are included, in order of arrival; read anew each time that they are gone through. */
export function eventsAt(placed: PlacedEvents, isIncluded: (place: number) => boolean): Iterable<PlacedEvent> {
  return { [Symbol.iterator]: () => readEventsAt(placed, isIncluded) }
}

function* readEventsAt(
  { received, identities, customers, firstArrival }: PlacedEvents,
  isIncluded: (place: number) => boolean,
): Generator<PlacedEvent, void> {
  let place = -1
  for (const { event, receivedAt } of received) {
    place += 1
    if (!isIncluded(place)) continue
    const customer = customers.get(event.externalCustomerId)
    const eventKey = identities.eventKeys[place]
    assert(customer !== undefined && eventKey !== undefined, 'events were read in another order')
    const { customerId, registered } = customer
    yield { event, receivedAt, arrival: firstArrival + BigInt(place), customerId, registered, eventKey, place }
  }
}
