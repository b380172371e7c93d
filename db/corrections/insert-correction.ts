import { eventKey } from '../../shared/metering/event-identity.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'
import type { EventCorrection, EventRevision } from './event-history.ts'

/** Claims the row that is corrected; undefined when somebody else has. */
export async function insertCorrection(
  client: Statements,
  organizationId: number,
  {
    corrected,
    replacement,
    reason,
    apiKeyId,
  }: {
    readonly corrected: EventRevision
    readonly replacement: EventRevision | null
    readonly reason: string
    readonly apiKeyId: string
  },
): Promise<EventCorrection | undefined> {
  const kind = replacement === null ? 'void' : 'amend'
  // Whichever unique index tells first: two that come at the same moment may both pass the check of one and meet in another.
  const { rows } = await client.query<{ id: string; created_at: Temporal.Instant }>(
    `insert into event_corrections (customer_id, identity, revision, organization_id, event_key, "timestamp", kind, reason,
       replacement_key, replacement_timestamp, api_key_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict do nothing
     returning id, created_at`,
    [
      corrected.customerId,
      eventKey(corrected.event),
      corrected.revision,
      organizationId,
      corrected.eventKey,
      isoOfMicros(corrected.event.timestampMicros),
      kind,
      reason,
      replacement?.eventKey ?? null,
      replacement === null ? null : isoOfMicros(replacement.event.timestampMicros),
      apiKeyId,
    ],
  )
  const [row] = rows
  return row && { id: row.id, kind, reason, apiKeyId, createdAt: row.created_at }
}

/** Appends the row that counts in the place of another, and its key. */
export async function insertAmendedEvent(
  client: Statements,
  organizationId: number,
  { customerId, eventKey: key, contentHash, receivedAt, arrival, event }: EventRevision,
): Promise<void> {
  const at = isoOfMicros(event.timestampMicros)
  await client.query(
    `insert into event_keys (customer_id, event_key, organization_id, content_hash, "timestamp") values ($1, $2, $3, $4, $5)`,
    [customerId, key, organizationId, contentHash.toString(), at],
  )
  await client.query(
    `insert into usage_events (customer_id, organization_id, "timestamp", event_key, received_at, code, source, transaction_id,
       external_subscription_id, arrival, amount_minor, properties)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      customerId,
      organizationId,
      at,
      key,
      receivedAt,
      event.code,
      event.source,
      event.transactionId,
      event.externalSubscriptionId,
      arrival.toString(),
      event.preciseTotalAmountCents ?? null,
      JSON.stringify(event.properties),
    ],
  )
}
