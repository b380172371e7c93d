import { sql } from 'kysely'
import type { Connection } from './connection.ts'
import { instantValue } from './instant.ts'
import type { Expiry } from './webhooks/expired-messages.ts'

/**
 * Deletes the announcements that were relayed longest ago, over all organizations; those whose message is there stay
 * with it. Answers with their number.
 */
export async function deleteExpiredAnnouncements(connection: Connection, { before, limit }: Expiry): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from outbox where id in (
      select id from outbox announcement
      where relayed_at < ${instantValue(before)}
        and not exists (select from webhook_messages message where message.outbox_id = announcement.id)
      order by relayed_at
      limit ${limit}
      for update skip locked
    )`.execute(connection)
  return Number(numAffectedRows)
}
