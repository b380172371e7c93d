import { sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { UnprocessedReason } from '../schema.ts'
import { entryArchived, isArchivedEntry, MONTH_OF_ENTRY } from './archived-entries.ts'
import { selectUnprocessed, type UnprocessedFilter } from './unprocessed-filter.ts'

/** What could not be counted: one event, for one metric, for one reason. */
export interface UnprocessedEvent {
  readonly id: string
  readonly externalCustomerId: string
  readonly timestamp: Temporal.Instant
  readonly code: string
  readonly transactionId: string
  readonly billableMetricCode: string | null
  readonly reason: UnprocessedReason
  readonly details: Readonly<Record<string, unknown>>
  readonly createdAt: Temporal.Instant
}

/** Newest first. */
export async function listUnprocessedEvents(
  transaction: OrganizationTransaction,
  organizationId: number,
  { limit, after, ...filter }: PageRequest & UnprocessedFilter,
): Promise<Page<UnprocessedEvent>> {
  const query = selectUnprocessed(transaction, organizationId, filter)
    .select(['e.id', 'e.timestamp', 'e.code', 'e.transactionId', 'e.reason', 'e.createdAt'])
    .select(['c.externalId as externalCustomerId', 'm.code as billableMetricCode'])
    .select(sql<string>`e.details::text`.as('detailsText'))
  const { rows, next } = await newestFirst(query, { limit, after }, 'e.id')
  const events = rows.map(({ detailsText, ...row }) => ({
    ...row,
    details: parseExactJson(detailsText) as Record<string, unknown>,
  }))
  return { rows: events, next }
}

/** How many entries there are of one reason, for one metric or, where the code is null, for none. */
export interface UnprocessedCount {
  readonly reason: UnprocessedReason
  readonly billableMetricCode: string | null
  readonly events: bigint
}

/** Counts by reason and metric, in this order. */
export async function countUnprocessedEvents(
  transaction: OrganizationTransaction,
  organizationId: number,
  filter: UnprocessedFilter,
): Promise<UnprocessedCount[]> {
  const rows = await selectUnprocessed(transaction, organizationId, filter)
    .select(['e.reason', 'm.code as billableMetricCode'])
    .select((select) => select.fn.countAll<string>().as('events'))
    .groupBy(['e.reason', 'm.code'])
    .orderBy('e.reason')
    .orderBy('m.code', (order) => order.asc().nullsFirst())
    .execute()
  return rows.map((row) => ({ ...row, events: BigInt(row.events) }))
}

/** Why a producer's second content for one event is not retried. */
const FINAL: UnprocessedReason = 'duplicate_conflict'

/**
 * The number of entries that a retry will look at. Throws `unprocessed_event_final` when only conflicting duplicates are
 * asked for: the event that came first counts for ever; `usage_archived` when the events of all that are left are archived.
 */
export async function countRetryable(
  transaction: OrganizationTransaction,
  organizationId: number,
  filter: UnprocessedFilter,
): Promise<bigint> {
  if (filter.reason === FINAL) throw finalEvent()
  const isArchived = isArchivedEntry(organizationId)
  const { events, archivedMonth } = await selectUnprocessed(transaction, organizationId, filter)
    .where('e.reason', '<>', FINAL)
    .select([
      sql<string>`count(*) filter (where not ${isArchived})`.as('events'),
      sql<string | null>`min(${MONTH_OF_ENTRY}) filter (where ${isArchived})`.as('archivedMonth'),
    ])
    .executeTakeFirstOrThrow()
  if (events === '0' && archivedMonth !== null) throw entryArchived(archivedMonth)
  return BigInt(events)
}

/**
 * Throws when there is no such entry, or when it is one that no retry can change: `usage_archived` while its event is
 * archived.
 */
export async function requireRetryable(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<void> {
  const row = await selectUnprocessed(transaction, organizationId, {})
    .select(['e.reason', isArchivedEntry(organizationId).as('isArchived'), MONTH_OF_ENTRY.as('month')])
    .where('e.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) throw new AppError('unprocessed_event_not_found', `no unprocessed event has the id ${id}`)
  if (row.reason === FINAL) throw finalEvent()
  if (row.isArchived) throw entryArchived(row.month)
}

/** An id above that of every entry there is. */
export async function endOfUnprocessed(transaction: OrganizationTransaction): Promise<string> {
  const { rows } = await sql<{ id: string }>`select uuidv7() as id`.execute(transaction)
  return rows[0]?.id ?? ''
}

function finalEvent(): AppError {
  const why = 'another event of the same identity was accepted first and counts for ever'
  return new AppError(
    'unprocessed_event_final',
    `a duplicate_conflict cannot be retried: ${why}; send it under a new id`,
  )
}
