import { sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { type Page, type PageRequest, pageOf } from '../paging.ts'
import type { UnprocessedReason } from '../schema.ts'

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

export interface UnprocessedFilter {
  readonly reason: UnprocessedReason | undefined
  readonly externalCustomerId: string | undefined
}

/** Newest first. */
export async function listUnprocessedEvents(
  transaction: OrganizationTransaction,
  organizationId: number,
  { limit, after, reason, externalCustomerId }: PageRequest & UnprocessedFilter,
): Promise<Page<UnprocessedEvent>> {
  const rows = await transaction
    .selectFrom('unprocessedEvents as e')
    .innerJoin('customers as c', 'c.customerId', 'e.customerId')
    .leftJoin('billableMetrics as m', 'm.id', 'e.billableMetricId')
    .select(['e.id', 'e.timestamp', 'e.code', 'e.transactionId', 'e.reason', 'e.createdAt'])
    .select(['c.externalId as externalCustomerId', 'm.code as billableMetricCode'])
    .select(sql<string>`e.details::text`.as('detailsText'))
    .where('e.organizationId', '=', organizationId)
    .$if(reason !== undefined, (query) => query.where('e.reason', '=', reason as UnprocessedReason))
    .$if(externalCustomerId !== undefined, (query) => query.where('c.externalId', '=', externalCustomerId ?? ''))
    .$if(after !== undefined, (query) => query.where('e.id', '<', after ?? ''))
    .orderBy('e.id', 'desc')
    .limit(limit + 1)
    .execute()
  const events = rows.map(({ detailsText, ...row }) => ({
    ...row,
    details: parseExactJson(detailsText) as Record<string, unknown>,
  }))
  return pageOf(events, limit, (row) => row.id)
}
