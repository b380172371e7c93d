import { sql } from 'kysely'
import type { Connection, OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'

/** A message before anything was written. */
export interface UncomposedMessage {
  readonly id: string
  readonly type: string
  readonly occurredAt: Temporal.Instant
  /** The ids of what changed, as they were announced. */
  readonly subject: Readonly<Record<string, string | number>>
}

/** A message with the text that every endpoint gets. */
export interface ComposedMessage {
  readonly id: string
  readonly body: string
}

/** The oldest messages that nothing was written for yet, over all organizations, a group per organization. */
export async function listUncomposedMessages(
  connection: Connection,
  limit: number,
): Promise<{ organizationId: number; ids: string[] }[]> {
  const rows = await connection
    .selectFrom('webhookMessages')
    .select(['organizationId', 'id'])
    .where('body', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute()
  return [...Map.groupBy(rows, (row) => row.organizationId)].map(([organizationId, group]) => ({
    organizationId,
    ids: group.map((row) => row.id),
  }))
}

/** Locks those of the messages that are still to be composed; what another transaction holds is left out. */
export async function lockUncomposedMessages(
  transaction: OrganizationTransaction,
  organizationId: number,
  ids: readonly string[],
): Promise<UncomposedMessage[]> {
  return await transaction
    .selectFrom('webhookMessages as m')
    .innerJoin('outbox as o', 'o.id', 'm.outboxId')
    .select(['m.id', 'm.type', 'm.occurredAt', 'o.payload as subject'])
    .where('m.organizationId', '=', organizationId)
    .where('m.id', 'in', ids)
    .where('m.body', 'is', null)
    .orderBy('m.id')
    .forUpdate('m')
    .skipLocked()
    .$castTo<UncomposedMessage>()
    .execute()
}

/** Writes what messages say and, in the same statement, one delivery for every endpoint that wants to hear it. */
export async function saveComposedMessages(
  transaction: OrganizationTransaction,
  organizationId: number,
  messages: readonly ComposedMessage[],
): Promise<void> {
  await sql`
    with composed as (
      update webhook_messages message set body = written.body
      from unnest(${list(messages.map(({ id }) => id))}::uuid[], ${list(messages.map(({ body }) => body))}::text[])
        as written (id, body)
      where message.id = written.id and message.organization_id = ${organizationId}
      returning message.id, message.type
    )
    insert into webhook_deliveries (organization_id, webhook_message_id, webhook_endpoint_id, next_attempt_at)
    select ${organizationId}, composed.id, endpoint.id, now()
    from composed
    join webhook_endpoints endpoint on endpoint.organization_id = ${organizationId} and endpoint.enabled
      and (endpoint.event_types is null or composed.type = any(endpoint.event_types))
    order by composed.id, endpoint.id
    on conflict (webhook_message_id, webhook_endpoint_id) do nothing`.execute(transaction)
}
