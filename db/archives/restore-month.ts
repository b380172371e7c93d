import type { Pool, PoolClient } from 'pg'
import { inTransaction } from '../transaction.ts'
import { ensureUsagePartitions } from '../usage/partitions.ts'
import type { UsageMonth } from './usage-month.ts'

const EVENTS_PER_STATEMENT = 1_000

/** Events of one organization, each as the JSON of an archive. */
export interface RestoredEvents {
  readonly organizationId: number
  readonly json: AsyncIterable<string>
}

/**
 * Puts the events of a folder back into the database and forgets that they were archived, in one transaction. Throws when
 * they are not as many as were archived. Answers with their number.
 */
export async function restoreMonth(
  pool: Pool,
  { month, folder, eventsCount }: { month: UsageMonth; folder: string; eventsCount: number },
  sources: AsyncIterable<RestoredEvents>,
): Promise<number> {
  await ensureUsagePartitions(pool, [month])
  return await inTransaction(pool, async (client) => {
    await client.query('set local idle_in_transaction_session_timeout = 0')
    let restored = 0
    for await (const { organizationId, json } of sources) {
      let page: string[] = []
      for await (const event of json) {
        page.push(event)
        restored += 1
        if (page.length < EVENTS_PER_STATEMENT) continue
        await insertPage(client, organizationId, page)
        page = []
      }
      await insertPage(client, organizationId, page)
    }
    if (restored !== eventsCount) throw new Error(`${folder} has ${restored} events instead of ${eventsCount}`)
    await client.query('delete from archived_usage where month = $1 and folder = $2', [`${month}-01`, folder])
    return restored
  })
}

async function insertPage(client: PoolClient, organizationId: number, page: readonly string[]): Promise<void> {
  if (page.length === 0) return
  await client.query(
    `insert into usage_events (organization_id, customer_id, "timestamp", event_key, received_at, code, source,
       transaction_id, external_subscription_id, arrival, amount_minor, properties)
     select $1, customer_id, timestamptz 'epoch' + timestamp_micros * interval '1 microsecond', event_key, received_at, code,
       source, transaction_id, external_subscription_id, arrival, amount_minor, properties
     from jsonb_to_recordset($2::jsonb) as event (customer_id integer, timestamp_micros bigint, event_key uuid,
       received_at timestamptz, code text, source text, transaction_id text, external_subscription_id text, arrival bigint,
       amount_minor numeric, properties jsonb)`,
    [organizationId, `[${page.join(',')}]`],
  )
}
