import type { EventKey } from '../../db/usage/event-keys.ts'
import type { CustomerReference } from '../../db/usage/ingest-references.ts'
import { assert } from '../../shared/errors.ts'
import { contentHash, eventKey } from '../../shared/metering/event-identity.ts'
import type { ProducerPosition } from '../../shared/metering/usage-event.ts'
import type { ReceivedEvent } from './usage-batch.ts'

/**
 * What tells events apart, by their place among those received together. It is in columns, and the events are let go of:
 * what lives as long as the transaction costs the garbage collector more than reading an event twice.
 */
export interface Identities {
  readonly eventKeys: readonly string[]
  readonly contentHashes: readonly bigint[]
  /** Microseconds since the epoch. */
  readonly timestampsMicros: readonly number[]
  /** The places of each customer's events, by the name that they give. */
  readonly placesOf: ReadonlyMap<string, readonly number[]>
  /** Of those that come from a producer. */
  readonly producers: readonly ProducerPosition[]
}

export function identify(received: Iterable<ReceivedEvent>): Identities {
  const eventKeys: string[] = []
  const contentHashes: bigint[] = []
  const timestampsMicros: number[] = []
  const placesOf = new Map<string, number[]>()
  const producers: ProducerPosition[] = []
  for (const { event } of received) {
    const { externalCustomerId, producer } = event
    const places = placesOf.get(externalCustomerId)
    if (places === undefined) placesOf.set(externalCustomerId, [eventKeys.length])
    else places.push(eventKeys.length)
    eventKeys.push(eventKey(event))
    contentHashes.push(contentHash(event))
    timestampsMicros.push(event.timestampMicros)
    if (producer !== undefined) producers.push(producer)
  }
  return { eventKeys, contentHashes, timestampsMicros, placesOf, producers }
}

/** The identity of an event, and its place among those received together. */
export interface PlacedKey extends EventKey {
  readonly place: number
}

/**
 * The first event of each identity, sorted by identity so that transactions claim in one order, and those that the
 * same events hold again.
 */
export function separateDuplicates(
  identities: Identities,
  customers: ReadonlyMap<string, CustomerReference>,
): { readonly first: readonly PlacedKey[]; readonly resent: readonly PlacedKey[] } {
  const first: PlacedKey[] = []
  const resent: PlacedKey[] = []
  for (const { customerId, places } of byCustomer(identities, customers)) {
    let lastKey: string | undefined
    for (const key of keysOf(identities, customerId, places)) {
      if (key.eventKey === lastKey) resent.push(key)
      else first.push(key)
      lastKey = key.eventKey
    }
  }
  return { first, resent }
}

function byCustomer(
  { placesOf }: Identities,
  customers: ReadonlyMap<string, CustomerReference>,
): { customerId: number; places: readonly number[] }[] {
  return Array.from(placesOf, ([externalId, places]) => {
    const customer = customers.get(externalId)
    assert(customer !== undefined, 'a customer reference was not created')
    return { customerId: customer.customerId, places }
  }).sort((one, other) => one.customerId - other.customerId)
}

function keysOf(
  { eventKeys, contentHashes, timestampsMicros }: Identities,
  customerId: number,
  places: readonly number[],
): PlacedKey[] {
  const keys = places.map((place) => ({
    customerId,
    eventKey: eventKeys[place] as string,
    contentHash: contentHashes[place] as bigint,
    timestampMicros: timestampsMicros[place] as number,
    place,
  }))
  // Sorting keeps the order of equals, so the first of each identity is the first that arrived.
  return keys.sort(byKey)
}

function byKey(one: PlacedKey, other: PlacedKey): number {
  if (one.eventKey === other.eventKey) return 0
  return one.eventKey < other.eventKey ? -1 : 1
}
