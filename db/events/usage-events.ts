import { sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { type Page, type PageRequest, pageOf } from '../paging.ts'

/** A raw event as it was accepted. */
export interface ListedUsageEvent {
  readonly eventKey: string
  readonly timestamp: Temporal.Instant
  readonly receivedAt: Temporal.Instant
  readonly code: string
  readonly source: string
  readonly transactionId: string
  readonly externalSubscriptionId: string | null
  /** The price that came with it, in minor units, as decimal text. */
  readonly amountMinor: string | null
  /** Numbers keep the text that was sent. */
  readonly properties: Readonly<Record<string, unknown>>
}

/** Where a page of events starts: after this one, by time and then by key. */
export interface EventPosition {
  readonly timestamp: Temporal.Instant
  readonly eventKey: string
}

/** The events of one customer, latest first. */
export async function listUsageEvents(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, limit, after }: PageRequest<EventPosition> & { readonly customerId: number },
): Promise<Page<ListedUsageEvent, EventPosition>> {
  const rows = await transaction
    .selectFrom('usageEvents')
    .select(['eventKey', 'timestamp', 'receivedAt', 'code', 'source', 'transactionId', 'externalSubscriptionId'])
    .select('amountMinor')
    .select(sql<string>`properties::text`.as('propertiesText'))
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`("timestamp", event_key) < (${after?.timestamp.toString()}, ${after?.eventKey})`),
    )
    .orderBy('timestamp', 'desc')
    .orderBy('eventKey', 'desc')
    .limit(limit + 1)
    .execute()
  const events = rows.map(({ propertiesText, ...row }) => ({
    ...row,
    properties: parseExactJson(propertiesText) as Record<string, unknown>,
  }))
  return pageOf(events, limit, ({ timestamp, eventKey }) => ({ timestamp, eventKey }))
}
