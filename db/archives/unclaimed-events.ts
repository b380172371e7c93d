import type { Pool } from 'pg'
import { inTransaction } from '../transaction.ts'
import { partitionOfMonth, type UsageMonth } from './usage-month.ts'

/**
 * How many events of a month lack the claim of their identity, of their own time. They would count once more when they are
 * sent again, which nobody could tell from the database once they are archived.
 */
export async function countUnclaimedEvents(pool: Pool, month: UsageMonth): Promise<number> {
  return await inTransaction(pool, async (client) => {
    await client.query('set local statement_timeout = 0')
    const { rows } = await client.query<{ events: string }>(
      `select count(*)::text as events from ${partitionOfMonth(month)} event
       where not exists (select from event_keys key where key.customer_id = event.customer_id
         and key.event_key = event.event_key and key."timestamp" = event."timestamp")`,
    )
    return Number(rows[0]?.events ?? 0)
  })
}
