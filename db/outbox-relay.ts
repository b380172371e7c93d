import { sql } from 'kysely'
import type { Connection } from './connection.ts'
import type { Announcement } from './outbox.ts'
import { insertWebhookMessages } from './webhooks/hand-over.ts'

/** The oldest announcements that are not relayed yet, over all organizations. */
export async function listUnrelayed(
  connection: Connection,
  limit: number,
): Promise<(Announcement & { readonly id: string })[]> {
  return await connection
    .selectFrom('outbox')
    .select(['id', 'organizationId', 'topic', 'payload'])
    .where('relayedAt', 'is', null)
    .orderBy('id')
    .limit(limit)
    .$castTo<Announcement & { readonly id: string }>()
    .execute()
}

/**
 * Marks announcements as relayed and, in the same transaction, hands to the endpoints what they may hear of. They stay
 * for a while as the record of what happened. Answers with the number of messages made.
 */
export async function markRelayed(connection: Connection, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0
  return await connection.transaction().execute(async (transaction) => {
    const messages = await insertWebhookMessages(transaction, ids)
    await transaction.updateTable('outbox').set({ relayedAt: sql<string>`now()` }).where('id', 'in', ids).execute()
    return messages
  })
}
