import type { Statements } from '../../db/statements.ts'
import type { Unusable } from '../../db/usage/count-events.ts'
import { findContentConflicts } from '../../db/usage/event-keys.ts'
import { findUnknownSubscriptions } from '../../db/usage/ingest-references.ts'
import type { UnprocessedEvent } from '../../db/usage/unprocessed-events.ts'
import type { StoredUsageEvent } from '../../db/usage/usage-events.ts'
import { writtenEvent } from '../../shared/metering/written-event.ts'
import type { PlacedKey } from './identify.ts'
import { eventsAt, type PlacedEvent, type PlacedEvents } from './placed-events.ts'

interface NamedSubscription {
  readonly customerId: number
  readonly externalSubscriptionId: string
}

/** What is to be told of events beside what they count: customers and subscriptions that do not exist. */
export class UncountedEvents {
  readonly #ofUnregistered: UnprocessedEvent[] = []
  readonly #named = new Map<string, NamedSubscription>()

  see(event: PlacedEvent): void {
    if (!event.registered) this.#ofUnregistered.push(unprocessed(event, 'customer_not_found'))
    const name = nameOf(event)
    if (name !== undefined) this.#named.set(keyOf(name), name)
  }

  /** The entries of the events, which were all seen, with those for what metrics could not use. */
  async entries(
    client: Statements,
    organizationId: number,
    { unusable, events }: { unusable: readonly Unusable<PlacedEvent>[]; events: Iterable<PlacedEvent> },
  ): Promise<UnprocessedEvent[]> {
    return [
      ...unusable.map(({ event, metricId, reason, details }) => ({ ...unprocessed(event, reason, details), metricId })),
      ...(await this.#unknownSubscriptions(client, organizationId, events)),
      ...this.#ofUnregistered,
    ]
  }

  async #unknownSubscriptions(
    client: Statements,
    organizationId: number,
    events: Iterable<PlacedEvent>,
  ): Promise<UnprocessedEvent[]> {
    const named = [...this.#named.values()]
    const positions = await findUnknownSubscriptions(client, organizationId, named)
    const unknown = new Set(named.filter((_, position) => positions.has(position)).map(keyOf))
    const entries: UnprocessedEvent[] = []
    if (unknown.size === 0) return entries
    for (const event of events) {
      const name = nameOf(event)
      if (name === undefined || !unknown.has(keyOf(name))) continue
      const details = { external_subscription_id: name.externalSubscriptionId }
      entries.push(unprocessed(event, 'subscription_not_found', details))
    }
    return entries
  }
}

function nameOf({ customerId, event: { externalSubscriptionId } }: PlacedEvent): NamedSubscription | undefined {
  return externalSubscriptionId === null ? undefined : { customerId, externalSubscriptionId }
}

function keyOf({ customerId, externalSubscriptionId }: NamedSubscription): string {
  return `${customerId}/${externalSubscriptionId}`
}

/**
 * The entries for other content under an identity that was known before. The first accepted content wins for ever;
 * another is shown, never counted.
 */
export async function contentConflicts(
  client: Statements,
  organizationId: number,
  { placed, known }: { placed: PlacedEvents; known: readonly PlacedKey[] },
): Promise<UnprocessedEvent[]> {
  const positions = await findContentConflicts(client, organizationId, known)
  const places = new Set(known.filter((_, position) => positions.has(position)).map(({ place }) => place))
  if (places.size === 0) return []
  return Array.from(
    eventsAt(placed, (place) => places.has(place)),
    (event) => unprocessed(event, 'duplicate_conflict', { event: writtenEvent(event.event) }),
  )
}

function unprocessed(
  { customerId, eventKey, event }: StoredUsageEvent,
  reason: UnprocessedEvent['reason'],
  details: UnprocessedEvent['details'] = {},
): UnprocessedEvent {
  return {
    customerId,
    eventKey,
    timestampMicros: event.timestampMicros,
    code: event.code,
    transactionId: event.transactionId,
    metricId: null,
    reason,
    details,
  }
}
