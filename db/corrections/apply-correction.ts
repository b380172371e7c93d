import { AppError } from '../../shared/errors.ts'
import { contributionOf } from '../../shared/metering/contribution.ts'
import { unpaidReason } from '../../shared/metering/subscription-lives.ts'
import type { Statements } from '../statements.ts'
import { type CountedContribution, countEvents, type Unusable } from '../usage/count-events.ts'
import { earliestMicros } from '../usage/earliest-micros.ts'
import { touchCustomers } from '../usage/ingest-references.ts'
import { findRefusedUsage, type RefusedUsage } from '../usage/refused-usage.ts'
import { restoreExtremes } from '../usage/restore-extremes.ts'
import { listSubscriptionLives } from '../usage/subscription-lives.ts'
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

const NOTHING_REFUSED: RefusedUsage<StoredUsageEvent> = new Map()

/**
 * Takes out of usage what a row was counted for, and counts the row in its place. Both rows, the correction and the shared
 * lock of counting must be there. Locks what ingestion locks, in its order: metrics first, which ingestion does not lock,
 * then rollups, unprocessed events and the customer. `refusesLate` is as `openCounting` says. Throws `period_closed`.
 */
export async function applyCorrection(
  client: Statements,
  organizationId: number,
  { corrected, replacement, refusesLate }: Correction & { readonly refusesLate: boolean },
): Promise<void> {
  const counting = replacement === null ? [] : [replacement]
  const codes = [corrected, ...counting].map(({ event }) => event.code)
  const metrics = await lockMetricsOfCodes(client, organizationId, [...new Set(codes)])
  const entries = await removeEntries(client, organizationId, corrected)
  const withdrawn = listContributions({ corrected, metrics, entries })
  const byCode = Map.groupBy(metrics, ({ eventCode }) => eventCode)
  const decided = { corrected, replacement, metrics: byCode, entries, withdrawn }
  const refused = refusesLate ? await requireOpen(client, organizationId, decided) : NOTHING_REFUSED
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

/**
 * The metrics that go on refusing the replacement of a row that they refused. Throws `period_closed` where a closed period
 * would count less, or more, than its final invoice says.
 */
async function requireOpen(
  client: Statements,
  organizationId: number,
  { corrected, replacement, metrics, entries, withdrawn }: Decided,
): Promise<RefusedUsage<StoredUsageEvent>> {
  const events = replacement === null ? [corrected] : [corrected, replacement]
  const refused = await findRefusedUsage(client, organizationId, { events, metrics })
  const closed = new Set(entries.filter(({ reason }) => reason === 'period_closed').map(({ metricId }) => metricId))
  const leaves = withdrawn.filter(({ metric }) => refused.get(corrected)?.has(metric.id))
  const enters = [...((replacement && refused.get(replacement)) ?? [])].filter((id) => !closed.has(id))
  if (leaves.length === 0 && enters.length === 0) return refused
  throw new AppError(
    'period_closed',
    `the event "${corrected.event.transactionId}" belongs to a period whose invoice is final, and late usage is refused; see late_usage of the organization and the plan`,
  )
}

interface Decided extends Correction {
  readonly metrics: ReadonlyMap<string, readonly MetricProgress[]>
  readonly entries: readonly RemovedEntry[]
  readonly withdrawn: readonly CountedContribution[]
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
  const isUnregistered = entries.some(({ reason }) => reason === 'customer_not_found')
  return [
    ...unusable.map((found) => ({ ...entryOf(replacement, found.reason, found.details), metricId: found.metricId })),
    ...(await unpaidEntries(client, organizationId, replacement)),
    ...(isUnregistered ? [entryOf(replacement, 'customer_not_found')] : []),
  ]
}

async function unpaidEntries(
  client: Statements,
  organizationId: number,
  replacement: StoredUsageEvent,
): Promise<readonly UnprocessedEvent[]> {
  const { customerId, event } = replacement
  const { externalSubscriptionId, timestampMicros } = event
  if (externalSubscriptionId === null) return []
  const [lives = []] = await listSubscriptionLives(client, organizationId, [{ customerId, externalSubscriptionId }])
  const reason = unpaidReason(lives, timestampMicros)
  return reason === undefined
    ? []
    : [entryOf(replacement, reason, { external_subscription_id: externalSubscriptionId })]
}

function entryOf(
  { customerId, eventKey, event }: StoredUsageEvent,
  reason: UnprocessedEvent['reason'],
  details: UnprocessedEvent['details'] = {},
): UnprocessedEvent {
  const { timestampMicros, code, transactionId } = event
  return { customerId, eventKey, timestampMicros, code, transactionId, metricId: null, reason, details }
}
