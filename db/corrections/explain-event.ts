import { sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { findCustomerKey } from '../catalogue/customers.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { UnprocessedReason } from '../schema.ts'
import { statementsOf } from '../statements.ts'
import { type CountedTowards, listCountedTowards } from './counted-towards.ts'
import { type EventRevision, eventNotFound, listRevisions } from './event-history.ts'

/** An event: every row of it, what the live one counts towards, and what could not be counted of it. */
export interface ExplainedEvent {
  readonly revisions: readonly EventRevision[]
  readonly countedTowards: readonly CountedTowards[]
  readonly unprocessed: readonly UnprocessedEntry[]
}

export interface UnprocessedEntry {
  readonly id: string
  readonly billableMetricId: string | null
  readonly billableMetricCode: string | null
  readonly reason: UnprocessedReason
  readonly details: Readonly<Record<string, unknown>>
  readonly createdAt: Temporal.Instant
}

/** Throws `event_not_found` where no such event is stored. */
export async function explainEvent(
  transaction: OrganizationTransaction,
  organizationId: number,
  event: Pick<UsageEvent, 'externalCustomerId' | 'source' | 'transactionId'>,
): Promise<ExplainedEvent> {
  const customerId = await findCustomerKey(transaction, organizationId, event.externalCustomerId)
  if (customerId === undefined) throw eventNotFound(event)
  const revisions = await listRevisions(statementsOf(transaction), organizationId, { ...event, customerId })
  if (revisions.length === 0) throw eventNotFound(event)
  const unprocessed = await listEntries(transaction, organizationId, { customerId, revisions })
  const live = revisions.find(({ correction }) => correction === null)
  const uncounted = new Set(unprocessed.map(({ billableMetricId }) => billableMetricId))
  const countedTowards =
    live === undefined ? [] : await listCountedTowards(transaction, organizationId, live, uncounted)
  return { revisions, countedTowards, unprocessed }
}

async function listEntries(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, revisions }: { customerId: number; revisions: readonly EventRevision[] },
): Promise<UnprocessedEntry[]> {
  const rows = await transaction
    .selectFrom('unprocessedEvents as e')
    .leftJoin('billableMetrics as m', 'm.id', 'e.billableMetricId')
    .select(['e.id', 'e.billableMetricId', 'm.code as billableMetricCode', 'e.reason', 'e.createdAt'])
    .select(sql<string>`e.details::text`.as('detailsText'))
    .where('e.organizationId', '=', organizationId)
    .where('e.customerId', '=', customerId)
    .where(
      'e.eventKey',
      'in',
      revisions.map(({ eventKey }) => eventKey),
    )
    .orderBy('e.id')
    .execute()
  return rows.map(({ detailsText, ...row }) => ({
    ...row,
    details: parseExactJson(detailsText) as Record<string, unknown>,
  }))
}
