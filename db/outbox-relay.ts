import { sql } from 'kysely'
import type { Connection } from './connection.ts'
import type { OutboxTopic } from './outbox.ts'

/** The oldest announcements that are not relayed yet, over all organizations. */
export async function listUnrelayed(
  connection: Connection,
  limit: number,
): Promise<{ id: string; topic: OutboxTopic }[]> {
  const rows = await connection
    .selectFrom('outbox')
    .select(['id', 'topic'])
    .where('relayedAt', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(({ id, topic }) => ({ id, topic: topic as OutboxTopic }))
}

/** Marks announcements as relayed; they stay as the record of what happened. */
export async function markRelayed(connection: Connection, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await connection.updateTable('outbox').set({ relayedAt: sql<string>`now()` }).where('id', 'in', ids).execute()
}
