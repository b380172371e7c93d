import type { Statements } from '../../db/statements.ts'
import type { Unusable } from '../../db/usage/count-events.ts'
import { findContentConflicts } from '../../db/usage/event-keys.ts'
import { listSubscriptionLives, type NamedSubscription } from '../../db/usage/subscription-lives.ts'
import type { UnprocessedEvent } from '../../db/usage/unprocessed-events.ts'
import { holds, type SubscriptionLife, unpaidReason } from '../../shared/metering/subscription-lives.ts'
import { writtenEvent } from '../../shared/metering/written-event.ts'
import type { PlacedEvent, PlacedEvents } from './placed-events.ts'

interface SeenName extends NamedSubscription {
  firstMicros: number
  lastMicros: number
}

/** What is to be told of events beside what they count: customers who do not exist, subscriptions that do not pay. */
export class UncountedEvents {
  readonly #ofUnregistered: UnprocessedEvent[] = []
  readonly #named = new Map<string, SeenName>()

  see(event: PlacedEvent): void {
    if (!event.registered) this.#ofUnregistered.push(unprocessed(event, 'customer_not_found'))
    const { customerId } = event
    const { externalSubscriptionId, timestampMicros } = event.event
    if (externalSubscriptionId === null) return
    const key = keyOf(customerId, externalSubscriptionId)
    const seen = this.#named.get(key)
    if (seen === undefined) {
      const times = { firstMicros: timestampMicros, lastMicros: timestampMicros }
      this.#named.set(key, { customerId, externalSubscriptionId, ...times })
    } else if (timestampMicros < seen.firstMicros) seen.firstMicros = timestampMicros
    else if (timestampMicros > seen.lastMicros) seen.lastMicros = timestampMicros
  }

  /** The entries of the events, which were all seen, with those for what metrics could not use. */
  async entries(
    client: Statements,
    organizationId: number,
    { unusable, events }: { unusable: readonly Unusable<PlacedEvent>[]; events: Iterable<PlacedEvent> },
  ): Promise<UnprocessedEvent[]> {
    return [
      ...unusable.map(({ event, metricId, reason, details }) => ({ ...unprocessed(event, reason, details), metricId })),
      ...(await this.#unpaid(client, organizationId, events)),
      ...this.#ofUnregistered,
    ]
  }

  // Events are only looked at again where they name something that did not run all the time between them.
  async #unpaid(
    client: Statements,
    organizationId: number,
    events: Iterable<PlacedEvent>,
  ): Promise<UnprocessedEvent[]> {
    const named = [...this.#named]
    const seen = named.map(([, name]) => name)
    const livesOf = await listSubscriptionLives(client, organizationId, seen)
    const doubtful = new Map<string, readonly SubscriptionLife[]>()
    for (const [place, [key, times]] of named.entries()) {
      const lives = livesOf[place] ?? []
      if (!lives.some((life) => holds(life, times))) doubtful.set(key, lives)
    }
    return doubtful.size === 0 ? [] : unpaidEntries(events, doubtful)
  }
}

function unpaidEntries(
  events: Iterable<PlacedEvent>,
  livesOf: ReadonlyMap<string, readonly SubscriptionLife[]>,
): UnprocessedEvent[] {
  const entries: UnprocessedEvent[] = []
  for (const event of events) {
    const { externalSubscriptionId, timestampMicros } = event.event
    if (externalSubscriptionId === null) continue
    const lives = livesOf.get(keyOf(event.customerId, externalSubscriptionId))
    const reason = lives && unpaidReason(lives, timestampMicros)
    if (reason === undefined) continue
    entries.push(unprocessed(event, reason, { external_subscription_id: externalSubscriptionId }))
  }
  return entries
}

function keyOf(customerId: number, externalSubscriptionId: string): string {
  return `${customerId}/${externalSubscriptionId}`
}

/**
 * The entries for other content under an identity that was known before. The first accepted content wins for ever;
 * another is shown, never counted.
 */
export async function contentConflicts(
  client: Statements,
  organizationId: number,
  { events, known }: { events: PlacedEvents; known: readonly number[] },
): Promise<UnprocessedEvent[]> {
  const places = await findContentConflicts(client, organizationId, { events, places: known })
  return places.map((place) => {
    const event = events.at(place)
    return unprocessed(event, 'duplicate_conflict', { event: writtenEvent(event.sent) })
  })
}

function unprocessed(
  { customerId, eventKey, transactionId, event }: PlacedEvent,
  reason: UnprocessedEvent['reason'],
  details: UnprocessedEvent['details'] = {},
): UnprocessedEvent {
  return {
    customerId,
    eventKey,
    timestampMicros: event.timestampMicros,
    code: event.code,
    transactionId,
    metricId: null,
    reason,
    details,
  }
}
