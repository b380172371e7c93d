import { contributionOf } from '../../shared/metering/contribution.ts'
import type { Statements } from '../statements.ts'
import { type CountedContribution, countEvents, type Unusable } from '../usage/count-events.ts'
import { earliestMicros } from '../usage/earliest-micros.ts'
import { findUnknownSubscriptions, touchCustomers } from '../usage/ingest-references.ts'
import { findRefusedUsage, type RefusedUsage } from '../usage/refused-usage.ts'
import { restoreExtremes } from '../usage/restore-extremes.ts'
import { insertUnprocessedEvents, type UnprocessedEvent } from '../usage/unprocessed-events.ts'
import type { StoredUsageEvent } from '../usage/usage-events.ts'
import {
  hasReached,
  lockMetricsOfCodes,
  type MetricProgress,
  type RemovedEntry,
  removeEntries,
} from './counted-metrics.ts'

/** A row that counts no more, and the one that does in its place; null where there is none. */
interface Correction {
  readonly corrected: StoredUsageEvent
  readonly replacement: StoredUsageEvent | null
}

/**
 * Takes out of usage what a row was counted for, and counts the row in its place. Both rows, the correction and the shared
 * lock of counting must be there. Locks what ingestion locks, in its order: metrics first, which ingestion does not lock,
 * then rollups, unprocessed events and the customer.
 */
export async function applyCorrection(
  client: Statements,
  organizationId: number,
  { corrected, replacement }: Correction,
): Promise<void> {
  const counting = replacement === null ? [] : [replacement]
  const codes = [corrected, ...counting].map(({ event }) => event.code)
  const metrics = await lockMetricsOfCodes(client, organizationId, [...new Set(codes)])
  const entries = await removeEntries(client, organizationId, corrected)
  const withdrawn = listContributions({ corrected, metrics, entries })
  const byCode = Map.groupBy(metrics, ({ eventCode }) => eventCode)
  const refused = await stillRefused(client, organizationId, { events: counting, metrics: byCode, entries })
  const unusable = await countEvents(client, organizationId, { events: counting, metrics: byCode, refused, withdrawn })
  for (const contribution of withdrawn) {
    const isCounted = (event: StoredUsageEvent) => hasReached(contribution.metric, event)
    await restoreExtremes(client, organizationId, contribution, isCounted)
  }
  if (replacement !== null) {
    const listed = await entriesOf(client, organizationId, { replacement, unusable, entries })
    await insertUnprocessedEvents(client, organizationId, listed)
  }
  await touchCustomers(client, organizationId, earliestMicros([corrected, ...counting]))
}

// An amendment does not open a closed period to what was refused; what was counted there is corrected.
async function stillRefused(
  client: Statements,
  organizationId: number,
  {
    events,
    metrics,
    entries,
  }: {
    events: readonly StoredUsageEvent[]
    metrics: ReadonlyMap<string, readonly MetricProgress[]>
    entries: readonly RemovedEntry[]
  },
): Promise<RefusedUsage<StoredUsageEvent>> {
  const closed = new Set(entries.filter(({ reason }) => reason === 'period_closed').map(({ metricId }) => metricId))
  if (closed.size === 0) return new Map()
  const refusing = Map.groupBy(
    [...metrics.values()].flat().filter(({ id }) => closed.has(id)),
    ({ eventCode }) => eventCode,
  )
  return await findRefusedUsage(client, organizationId, { events, metrics: refusing })
}

/** What the rollups hold of a row. What an entry says is not counted never was, nor what a rebuild has still to reach. */
function listContributions({
  corrected,
  metrics,
  entries,
}: {
  corrected: StoredUsageEvent
  metrics: readonly MetricProgress[]
  entries: readonly RemovedEntry[]
}): (CountedContribution & { readonly metric: MetricProgress })[] {
  const uncounted = new Set(entries.map(({ metricId }) => metricId))
  return metrics
    .filter(({ id, eventCode }) => eventCode === corrected.event.code && !uncounted.has(id))
    .filter((metric) => hasReached(metric, corrected))
    .flatMap((metric) => {
      const read = contributionOf(corrected.event, metric)
      return 'value' in read ? [{ event: corrected, metric, value: read.value }] : []
    })
}

/** What is to be listed of the row that counts from now on, as it would be of one that was sent. */
async function entriesOf(
  client: Statements,
  organizationId: number,
  {
    replacement,
    unusable,
    entries,
  }: {
    replacement: StoredUsageEvent
    unusable: readonly Unusable<StoredUsageEvent>[]
    entries: readonly RemovedEntry[]
  },
): Promise<readonly UnprocessedEvent[]> {
  const { customerId } = replacement
  const { externalSubscriptionId } = replacement.event
  const naming = externalSubscriptionId === null ? [] : [{ customerId, externalSubscriptionId }]
  const unknown = await findUnknownSubscriptions(client, organizationId, naming)
  const details = { external_subscription_id: externalSubscriptionId }
  const isUnregistered = entries.some(({ reason }) => reason === 'customer_not_found')
  return [
    ...unusable.map((found) => ({ ...entryOf(replacement, found.reason, found.details), metricId: found.metricId })),
    ...(unknown.size > 0 ? [entryOf(replacement, 'subscription_not_found', details)] : []),
    ...(isUnregistered ? [entryOf(replacement, 'customer_not_found')] : []),
  ]
}

function entryOf(
  { customerId, eventKey, event }: StoredUsageEvent,
  reason: UnprocessedEvent['reason'],
  details: UnprocessedEvent['details'] = {},
): UnprocessedEvent {
  const { timestampMicros, code, transactionId } = event
  return { customerId, eventKey, timestampMicros, code, transactionId, metricId: null, reason, details }
}
