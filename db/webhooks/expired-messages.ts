import { sql } from 'kysely'
import type { Connection } from '../connection.ts'
import { instantValue } from '../instant.ts'

export interface Expiry {
  /** What is as old as that or younger stays. */
  readonly before: Temporal.Instant
  readonly limit: number
}

/**
 * Deletes the oldest messages, with their deliveries and attempts, over all organizations. One that is still to be
 * written or has not arrived everywhere stays, and so does one that was sent lately. Answers with their number.
 */
export async function deleteExpiredMessages(connection: Connection, { before, limit }: Expiry): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    with expired as (
      select id from webhook_messages message
      where created_at < ${instantValue(before)} and body is not null
        and not exists (
          select from webhook_deliveries delivery
          where delivery.webhook_message_id = message.id
            and (delivery.status <> 'delivered' or delivery.updated_at >= ${instantValue(before)}))
      order by created_at
      limit ${limit}
      for update skip locked
    ),
    deliveries as (
      delete from webhook_deliveries delivery using expired
      -- Asked again, because it may be sent again since: then its message cannot be deleted, and this is tried later.
      where delivery.webhook_message_id = expired.id and delivery.status = 'delivered'
    )
    delete from webhook_messages message using expired where message.id = expired.id`.execute(connection)
  return Number(numAffectedRows)
}
