import type { Pool, PoolClient } from 'pg'
import { inTransaction } from '../../db/transaction.ts'
import { ClaimTurns } from '../../db/usage/claim-turns.ts'
import { UsageCounts } from '../../db/usage/count-events.ts'
import { noteEarliest } from '../../db/usage/earliest-micros.ts'
import { type ClaimMemory, claimEventKeys } from '../../db/usage/event-keys.ts'
import { selectionFor } from '../../db/usage/event-records.ts'
import { recordReceivedSequences } from '../../db/usage/event-sequences.ts'
import { openCounting, requireCustomerReferences, touchCustomers } from '../../db/usage/ingest-references.ts'
import { KnownCustomers } from '../../db/usage/known-customers.ts'
import { KnownSeries } from '../../db/usage/known-series.ts'
import { ensureUsagePartitions, monthsOfMicros } from '../../db/usage/partitions.ts'
import { RecentKeys } from '../../db/usage/recent-keys.ts'
import { findRefusedUsage } from '../../db/usage/refused-usage.ts'
import { insertUnprocessedEvents } from '../../db/usage/unprocessed-events.ts'
import { insertUsageEvents } from '../../db/usage/usage-events.ts'
import { type Origins, originsOf } from './origins.ts'
import { type PlacedEvent, PlacedEvents } from './placed-events.ts'
import { type ReceivedEvent, ReceivedEvents } from './received-events.ts'
import { separateDuplicates } from './separate-duplicates.ts'
import { contentConflicts, UncountedEvents } from './uncounted-events.ts'

/** The same as `aggregateReceived`, for a list. */
export async function aggregateEvents(
  pool: Pool,
  organizationId: number,
  received: readonly ReceivedEvent[],
): Promise<void> {
  await aggregateReceived(pool, organizationId, ReceivedEvents.of(received))
}

/**
 * Counts events of one organization exactly once, in one transaction: claims their identities, appends the new ones,
 * adds them to the rollups and marks their customers. Running it again with the same events changes nothing.
 */
export async function aggregateReceived(pool: Pool, organizationId: number, received: ReceivedEvents): Promise<void> {
  const origins = originsOf(received)
  const { claimTurns, ...memory } = rememberedOf(pool)
  const attempt = () =>
    claimTurns.during(organizationId, async (turn) => {
      await ensurePartitionsOnce(pool, origins)
      await inTransaction(pool, (client) => count(client, organizationId, { received, origins, turn, ...memory }))
    })
  try {
    await attempt()
  } catch (error) {
    if (!isPartitionMissing(error)) throw error
    // A month that was archived has no partition until events come for it again.
    knownMonths.delete(pool)
    await attempt()
  }
}

interface Counting extends ClaimMemory {
  readonly received: ReceivedEvents
  readonly origins: Origins
  readonly knownCustomers: KnownCustomers
  readonly knownSeries: KnownSeries
}

async function count(
  client: PoolClient,
  organizationId: number,
  { received, origins, recent, turn, knownCustomers, knownSeries }: Counting,
): Promise<void> {
  const { metrics, firstArrival, refusesLate } = await openCounting(client, organizationId)
  const references = await requireCustomerReferences(client, organizationId, {
    externalIds: origins.externalIds,
    known: knownCustomers,
  })
  const selectionOf = selectionFor(metrics)
  const events = new PlacedEvents(received, { origins, references, firstArrival, selectionOf })
  const { first, resent } = separateDuplicates(events)
  const claimed = await claimEventKeys(client, organizationId, { events, places: first, recent, turn })
  const known = [...claimed, ...resent]
  const added = addedEvents(events, first, claimed)
  // Whether late usage is refused is asked for all of them before the first is counted, so they have to be held.
  const held = refusesLate ? [...added] : undefined
  const refused = held && (await findRefusedUsage(client, organizationId, { events: held, metrics }))
  const rows = held ?? added
  const counts = new UsageCounts<PlacedEvent>(metrics, { series: knownSeries.index(), refused })
  const uncounted = new UncountedEvents()
  const earliest = new Map<number, number>()
  const see = (event: PlacedEvent) => {
    counts.count(event)
    uncounted.see(event)
    noteEarliest(earliest, event)
  }
  await insertUsageEvents(client, organizationId, { records: received.records, rows, see })
  await counts.save(client, organizationId)
  await insertUnprocessedEvents(client, organizationId, [
    ...(await uncounted.entries(client, organizationId, { unusable: counts.unusable, events: rows })),
    ...(await contentConflicts(client, organizationId, { events, known })),
  ])
  await touchCustomers(client, organizationId, earliest)
  // Last, because a producer's row is held from here to the commit. What was known before has arrived all the same.
  await recordReceivedSequences(client, organizationId, origins.producers)
}

// Read anew each time that they are gone through: holding them costs the garbage collector more. A customer's events go
// one after the other, which is where the index, and whoever reads them, will look for them.
function addedEvents(
  events: PlacedEvents,
  first: readonly number[],
  claimed: readonly number[],
): Iterable<PlacedEvent> {
  const isClaimed = new Uint8Array(events.count)
  for (const place of claimed) isClaimed[place] = 1
  return {
    *[Symbol.iterator]() {
      for (const place of first) if (isClaimed[place] === 0) yield events.at(place)
    },
  }
}

// What is remembered from transaction to transaction, of one database.
type Remembered = Omit<Counting, 'received' | 'origins' | 'turn'> & { readonly claimTurns: ClaimTurns }
const remembered = new WeakMap<Pool, Remembered>()

function rememberedOf(pool: Pool): Remembered {
  return remembered.getOrInsertComputed(pool, () => ({
    recent: new RecentKeys(),
    claimTurns: new ClaimTurns(),
    knownCustomers: new KnownCustomers(),
    knownSeries: new KnownSeries(),
  }))
}

const CHECK_VIOLATION = '23514'

function isPartitionMissing(error: unknown): boolean {
  const { code, message = '' } = error as { readonly code?: string; readonly message?: string }
  return code === CHECK_VIOLATION && message.startsWith('no partition of relation')
}

// Each month is asked for once per database.
const knownMonths = new WeakMap<Pool, Set<string>>()

async function ensurePartitionsOnce(pool: Pool, { timestampsMicros }: Origins): Promise<void> {
  const known = knownMonths.getOrInsertComputed(pool, () => new Set())
  const months = monthsOfMicros(timestampsMicros).difference(known)
  await ensureUsagePartitions(pool, months)
  for (const month of months) known.add(month)
}
