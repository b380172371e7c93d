import type { Pool, PoolClient } from 'pg'
import { inTransaction } from '../../db/transaction.ts'
import { UsageCounts } from '../../db/usage/count-events.ts'
import { noteEarliest } from '../../db/usage/earliest-micros.ts'
import { claimEventKeys } from '../../db/usage/event-keys.ts'
import { recordReceivedSequences } from '../../db/usage/event-sequences.ts'
import { openCounting, requireCustomerReferences, touchCustomers } from '../../db/usage/ingest-references.ts'
import { KnownSeries } from '../../db/usage/known-series.ts'
import { ensureUsagePartitions, monthsOfMicros } from '../../db/usage/partitions.ts'
import { findRefusedUsage } from '../../db/usage/refused-usage.ts'
import { insertUnprocessedEvents } from '../../db/usage/unprocessed-events.ts'
import { insertUsageEvents } from '../../db/usage/usage-events.ts'
import { type Identities, identify, type PlacedKey, separateDuplicates } from './identify.ts'
import { eventsAt, type PlacedEvent, type PlacedEvents } from './placed-events.ts'
import { contentConflicts, UncountedEvents } from './uncounted-events.ts'
import type { ReceivedEvent } from './usage-batch.ts'

/**
 * Counts events of one organization exactly once, in one transaction: claims their identities, appends the new ones,
 * adds them to the rollups and marks their customers. Running it again with the same events changes nothing. The events
 * are read once to learn their identities, and once more to be stored.
 */
export async function aggregateEvents(
  pool: Pool,
  organizationId: number,
  received: Iterable<ReceivedEvent>,
): Promise<void> {
  const identities = identify(received)
  await ensurePartitionsOnce(pool, identities)
  const work = (client: PoolClient) =>
    count(client, organizationId, { received, identities, knownSeries: knownSeriesOf(pool) })
  try {
    await inTransaction(pool, work)
  } catch (error) {
    if (!isPartitionMissing(error)) throw error
    // A month that was archived has no partition until events come for it again.
    knownMonths.delete(pool)
    await ensurePartitionsOnce(pool, identities)
    await inTransaction(pool, work)
  }
}

interface Counting {
  readonly received: Iterable<ReceivedEvent>
  readonly identities: Identities
  readonly knownSeries: KnownSeries
}

async function count(
  client: PoolClient,
  organizationId: number,
  { received, identities, knownSeries }: Counting,
): Promise<void> {
  const { metrics, firstArrival, refusesLate } = await openCounting(client, organizationId)
  const externalIds = [...identities.placesOf.keys()].sort()
  const customers = await requireCustomerReferences(client, organizationId, externalIds)
  const { first, resent } = separateDuplicates(identities, customers)
  const known = [...(await claimEventKeys(client, organizationId, first)), ...resent]
  const placed: PlacedEvents = { received, identities, customers, firstArrival }
  const added = eventsAt(placed, placesWithout(known))
  // Whether late usage is refused is asked for all of them before the first is counted, so they have to be held.
  const events = refusesLate ? [...added] : added
  const refused = refusesLate
    ? await findRefusedUsage(client, organizationId, { events: [...events], metrics })
    : undefined
  const counts = new UsageCounts<PlacedEvent>(metrics, refused)
  const uncounted = new UncountedEvents()
  const earliest = new Map<number, number>()
  const see = (event: PlacedEvent) => {
    counts.count(event)
    uncounted.see(event)
    noteEarliest(earliest, event)
  }
  await insertUsageEvents(client, organizationId, seeing(events, see))
  await counts.save(client, organizationId, knownSeries)
  await insertUnprocessedEvents(client, organizationId, [
    ...(await uncounted.entries(client, organizationId, { unusable: counts.unusable, events })),
    ...(await contentConflicts(client, organizationId, { placed, known })),
  ])
  await touchCustomers(client, organizationId, earliest)
  // Last, because a producer's row is held from here to the commit. What was known before has arrived all the same.
  await recordReceivedSequences(client, organizationId, identities.producers)
}

function placesWithout(known: readonly PlacedKey[]): (place: number) => boolean {
  const places = new Set(known.map(({ place }) => place))
  return places.size === 0 ? () => true : (place) => !places.has(place)
}

function* seeing<Event>(events: Iterable<Event>, see: (event: Event) => void): Generator<Event, void> {
  for (const event of events) {
    see(event)
    yield event
  }
}

const knownSeries = new WeakMap<Pool, KnownSeries>()

function knownSeriesOf(pool: Pool): KnownSeries {
  return knownSeries.getOrInsertComputed(pool, () => new KnownSeries())
}

const CHECK_VIOLATION = '23514'

function isPartitionMissing(error: unknown): boolean {
  const { code, message = '' } = error as { readonly code?: string; readonly message?: string }
  return code === CHECK_VIOLATION && message.startsWith('no partition of relation')
}

// Each month is asked for once per database.
const knownMonths = new WeakMap<Pool, Set<string>>()

async function ensurePartitionsOnce(pool: Pool, { timestampsMicros }: Identities): Promise<void> {
  const known = knownMonths.getOrInsertComputed(pool, () => new Set())
  const months = monthsOfMicros(timestampsMicros).difference(known)
  await ensureUsagePartitions(pool, months)
  for (const month of months) known.add(month)
}
