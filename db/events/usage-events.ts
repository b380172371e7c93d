import { sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { EventCorrection } from '../corrections/event-history.ts'
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
  /** 1 is what was sent. */
  readonly revision: number
  /** Null: it counts. */
  readonly correction: EventCorrection | null
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
    .selectFrom('usageEvents as e')
    .leftJoin('eventCorrections as made', (join) =>
      join.onRef('made.customerId', '=', 'e.customerId').onRef('made.eventKey', '=', 'e.eventKey'),
    )
    .leftJoin('eventCorrections as before', (join) =>
      join.onRef('before.customerId', '=', 'e.customerId').onRef('before.replacementKey', '=', 'e.eventKey'),
    )
    .select(['e.eventKey', 'e.timestamp', 'e.receivedAt', 'e.code', 'e.source', 'e.transactionId'])
    .select(['e.externalSubscriptionId', 'e.amountMinor', 'before.revision as revisionBefore'])
    .select(['made.id as correctionId', 'made.kind', 'made.reason', 'made.apiKeyId', 'made.createdAt'])
    .select(sql<string>`e.properties::text`.as('propertiesText'))
    .where('e.organizationId', '=', organizationId)
    .where('e.customerId', '=', customerId)
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(e."timestamp", e.event_key) < (${after?.timestamp.toString()}, ${after?.eventKey})`),
    )
    .orderBy('e.timestamp', 'desc')
    .orderBy('e.eventKey', 'desc')
    .limit(limit + 1)
    .execute()
  const events = rows.map(
    ({ propertiesText, revisionBefore, correctionId, kind, reason, apiKeyId, createdAt, ...row }) => ({
      ...row,
      properties: parseExactJson(propertiesText) as Record<string, unknown>,
      revision: (revisionBefore ?? 0) + 1,
      correction: correctionOf({ id: correctionId, kind, reason, apiKeyId, createdAt }),
    }),
  )
  return pageOf(events, limit, ({ timestamp, eventKey }) => ({ timestamp, eventKey }))
}

// All columns of a row are there, or none.
function correctionOf(row: { [Name in keyof EventCorrection]: EventCorrection[Name] | null }): EventCorrection | null {
  return row.id === null ? null : (row as EventCorrection)
}
