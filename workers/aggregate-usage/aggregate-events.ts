import type { Pool, PoolClient } from 'pg'
import { inTransaction } from '../../db/transaction.ts'
import { countEvents } from '../../db/usage/count-events.ts'
import { earliestMicros } from '../../db/usage/earliest-micros.ts'
import { claimEventKeys, findContentConflicts } from '../../db/usage/event-keys.ts'
import { recordReceivedSequences } from '../../db/usage/event-sequences.ts'
import {
  findUnknownSubscriptions,
  openCounting,
  requireCustomerReferences,
  touchCustomers,
} from '../../db/usage/ingest-references.ts'
import { KnownSeries } from '../../db/usage/known-series.ts'
import { ensureUsagePartitions, monthsOfMicros } from '../../db/usage/partitions.ts'
import { findRefusedUsage } from '../../db/usage/refused-usage.ts'
import { insertUnprocessedEvents, type UnprocessedEvent } from '../../db/usage/unprocessed-events.ts'
import { insertUsageEvents } from '../../db/usage/usage-events.ts'
import { writtenEvent } from '../../shared/metering/written-event.ts'
import { attachCustomers, type IdentifiedEvent, separateDuplicates } from './identify.ts'
import type { ReceivedEvent } from './usage-batch.ts'

/**
 * Counts events of one organization exactly once, in one transaction: claims their identities, appends the new ones,
 * adds them to the rollups and marks their customers. Running it again with the same events changes nothing.
 */
export async function aggregateEvents(
  pool: Pool,
  organizationId: number,
  received: readonly ReceivedEvent[],
): Promise<void> {
  await ensurePartitionsOnce(pool, received)
  try {
    await count(pool, organizationId, received)
  } catch (error) {
    if (!isPartitionMissing(error)) throw error
    // A month that was archived has no partition until events come for it again.
    knownMonths.delete(pool)
    await ensurePartitionsOnce(pool, received)
    await count(pool, organizationId, received)
  }
}

async function count(pool: Pool, organizationId: number, received: readonly ReceivedEvent[]): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { metrics, firstArrival, refusesLate } = await openCounting(client, organizationId)
    const externalIds = [...new Set(received.map(({ event }) => event.externalCustomerId))].sort()
    const customers = await requireCustomerReferences(client, organizationId, externalIds)
    const { first, resent } = separateDuplicates(attachCustomers(received, customers, firstArrival))
    const newPositions = await claimEventKeys(client, organizationId, first)
    const newEvents = first.filter((_, position) => newPositions.has(position))
    const known = first.filter((_, position) => !newPositions.has(position))
    await insertUsageEvents(client, organizationId, newEvents)
    const usage = { events: newEvents, metrics }
    const refused = refusesLate ? await findRefusedUsage(client, organizationId, usage) : new Map()
    const unusable = await countEvents(client, organizationId, { ...usage, refused, knownSeries: knownSeriesOf(pool) })
    await insertUnprocessedEvents(client, organizationId, [
      ...unusable.map(({ event, metricId, reason, details }) => ({ ...unprocessed(event, reason, details), metricId })),
      ...(await unknownSubscriptions(client, organizationId, newEvents)),
      ...newEvents.filter((event) => !event.registered).map((event) => unprocessed(event, 'customer_not_found')),
      ...(await contentConflicts(client, organizationId, [...known, ...resent])),
    ])
    await touchCustomers(client, organizationId, earliestMicros(newEvents))
    // Last, because a producer's row is held from here to the commit. What was known before has arrived all the same.
    await recordReceivedSequences(
      client,
      organizationId,
      received.map(({ event }) => event.producer),
    )
  })
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

async function ensurePartitionsOnce(pool: Pool, received: readonly ReceivedEvent[]): Promise<void> {
  const known = knownMonths.getOrInsertComputed(pool, () => new Set())
  const months = monthsOfMicros(received.map(({ event }) => event.timestampMicros)).difference(known)
  await ensureUsagePartitions(pool, months)
  for (const month of months) known.add(month)
}

async function unknownSubscriptions(
  client: PoolClient,
  organizationId: number,
  events: readonly IdentifiedEvent[],
): Promise<UnprocessedEvent[]> {
  const naming = events.flatMap((event) => {
    const { externalSubscriptionId } = event.event
    return externalSubscriptionId === null ? [] : [{ event, customerId: event.customerId, externalSubscriptionId }]
  })
  const unknown = await findUnknownSubscriptions(client, organizationId, naming)
  return naming
    .filter((_, position) => unknown.has(position))
    .map(({ event, externalSubscriptionId }) =>
      unprocessed(event, 'subscription_not_found', { external_subscription_id: externalSubscriptionId }),
    )
}

// The first accepted content wins for ever; another content under the same identity is shown, never counted.
async function contentConflicts(
  client: PoolClient,
  organizationId: number,
  resent: readonly IdentifiedEvent[],
): Promise<UnprocessedEvent[]> {
  const conflicting = await findContentConflicts(client, organizationId, resent)
  return resent
    .filter((_, position) => conflicting.has(position))
    .map((event) => unprocessed(event, 'duplicate_conflict', { event: writtenEvent(event.event) }))
}

function unprocessed(
  { customerId, eventKey, event }: IdentifiedEvent,
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
