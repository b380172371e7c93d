import { sql } from 'kysely'
import { WEBHOOK_EVENT_TYPES } from '../../shared/webhooks/event-types.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'

/**
 * Makes a message of each announcement that the outside may hear of, once, where the organization has an endpoint at
 * all. Answers with the number of new ones; what they say is composed later.
 */
export async function insertWebhookMessages(
  transaction: OrganizationTransaction,
  outboxIds: readonly string[],
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    insert into webhook_messages (organization_id, outbox_id, type, occurred_at)
    select organization_id, id, topic, created_at from outbox
    where id = any(${list(outboxIds)}::bigint[]) and topic = any(${list(WEBHOOK_EVENT_TYPES)}::text[])
      and exists (select from webhook_endpoints endpoint where endpoint.organization_id = outbox.organization_id)
    order by id
    on conflict (outbox_id) do nothing`.execute(transaction)
  return Number(numAffectedRows)
}
