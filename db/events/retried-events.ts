import { type RawBuilder, sql } from 'kysely'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { readWrittenEvent } from '../../shared/metering/written-event.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { UnprocessedReason } from '../schema.ts'
import { statementsOf } from '../statements.ts'
import { shareCounting } from '../usage/counting-lock.ts'
import { selectUnprocessed, type UnprocessedFilter } from './unprocessed-filter.ts'

/** What a retry needs to know of an entry. */
export interface RetriedEntry {
  readonly id: string
  readonly reason: UnprocessedReason
  readonly billableMetricId: string | null
}

/** Which entries are retried: all that the filter leaves, or one of them, up to an id. */
export interface RetryRequest extends UnprocessedFilter {
  readonly id?: string | undefined
  readonly upTo: string
}

/** The next entries to retry, oldest first. What can never be retried is left out. */
export async function listRetried(
  transaction: OrganizationTransaction,
  organizationId: number,
  { id, upTo, after, limit, ...filter }: RetryRequest & { after: string | undefined; limit: number },
): Promise<RetriedEntry[]> {
  return await selectUnprocessed(transaction, organizationId, filter)
    .select(['e.id', 'e.reason', 'e.billableMetricId'])
    .where('e.reason', '<>', 'duplicate_conflict')
    .where('e.id', '<=', upTo)
    .$if(id !== undefined, (query) => query.where('e.id', '=', id ?? ''))
    .$if(after !== undefined, (query) => query.where('e.id', '>', after ?? ''))
    .orderBy('e.id')
    .limit(limit)
    .execute()
}

/**
 * Removes those of the entries whose cause is gone: their usage is counted already. Answers with their number. It shares the
 * lock of counting, so that whoever lists what comes after an end waits for it.
 */
export async function deleteResolved(
  transaction: OrganizationTransaction,
  organizationId: number,
  ids: readonly string[],
): Promise<number> {
  if (ids.length === 0) return 0
  await shareCounting(statementsOf(transaction), organizationId)
  const { numDeletedRows } = await transaction
    .deleteFrom('unprocessedEvents as e')
    .where('e.organizationId', '=', organizationId)
    .where('e.id', 'in', ids)
    .where(isResolved(organizationId))
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}

/** The same for all entries of customers, at most `limit` at a time. */
export async function deleteResolvedOfCustomers(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerIds, limit }: { customerIds: readonly string[]; limit: number },
): Promise<number> {
  await shareCounting(statementsOf(transaction), organizationId)
  const resolved = await transaction
    .selectFrom('unprocessedEvents as e')
    .innerJoin('customers as named', 'named.customerId', 'e.customerId')
    .select(['e.customerId', 'e.id'])
    .where('e.organizationId', '=', organizationId)
    .where('named.id', 'in', customerIds)
    .where(isResolved(organizationId))
    .limit(limit)
    .execute()
  if (resolved.length === 0) return 0
  await transaction
    .deleteFrom('unprocessedEvents')
    .where('organizationId', '=', organizationId)
    .where('customerId', 'in', [...new Set(resolved.map(({ customerId }) => customerId))])
    .where(
      'id',
      'in',
      resolved.map(({ id }) => id),
    )
    .execute()
  return resolved.length
}

// A metric that reads the code and is not being rebuilt has counted all events that came before it.
function isResolved(organizationId: number): RawBuilder<boolean> {
  return sql<boolean>`case e.reason
    when 'customer_not_found' then exists (
      select from customers c where c.customer_id = e.customer_id and c.registered_at is not null)
    when 'metric_not_found' then exists (
      select from billable_metrics m where m.organization_id = ${organizationId} and m.event_code = e.code
        and m.rebuild_cursor is null)
    else e.reason in ('subscription_not_found', 'subscription_not_running') and exists (
      select from subscriptions s where s.organization_id = ${organizationId} and s.customer_id = e.customer_id
        and s.external_id = e.details ->> 'external_subscription_id'
        and s.started_at <= e."timestamp" and (s.ended_at is null or s.ended_at > e."timestamp"))
    end`
}

/** An event that was set aside because it could not be stored, as it came. */
export interface AsideEvent {
  readonly event: UsageEvent
  readonly receivedAt: string
}

/** What an entry says of such an event, in the words of the API. */
interface AsideDetails {
  /** The text of the event. */
  readonly event: string
  readonly received_at: string
  readonly timed_by_server: boolean
}

/** The event of an entry that was set aside; undefined when the entry is gone. */
export async function findAsideEvent(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<AsideEvent | undefined> {
  const row = await transaction
    .selectFrom('unprocessedEvents')
    .select(['details'])
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .where('reason', '=', 'processing_failed')
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { event, received_at: receivedAt, timed_by_server: timedByServer } = row.details as unknown as AsideDetails
  return { event: readWrittenEvent(event, { timedByServer }), receivedAt }
}

/** Removes the entry of an event that could be stored after all. */
export async function deleteAsideEvent(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<void> {
  await transaction
    .deleteFrom('unprocessedEvents')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .where('reason', '=', 'processing_failed')
    .execute()
}
