import type { Connection } from '../connection.ts'
import { readCursor } from '../cursor.ts'
import { inSnapshot } from '../snapshot.ts'
import { statementsOf } from '../statements.ts'
import { partitionOfMonth, type UsageMonth } from './usage-month.ts'

/** A raw event on its way into a file. */
export interface ExportedEvent {
  /** The id of the organization. */
  readonly organization: string
  readonly organizationId: number
  readonly customerId: number
  /** JSON without line breaks, digits as they were sent. */
  readonly json: string
}

/**
 * Hands all raw events of a month to the work, a page in memory at a time, in order of organization, customer, time and
 * arrival, which is the order in which they are counted.
 */
export async function exportMonth<Result>(
  connection: Connection,
  month: UsageMonth,
  work: (events: AsyncIterable<ExportedEvent>) => Promise<Result>,
): Promise<Result> {
  return await inSnapshot(connection, async (transaction) => {
    const text = `
      select organization.id as organization, event.organization_id as "organizationId", event.customer_id as "customerId",
        json_build_object('customer_id', event.customer_id, 'event_key', event.event_key,
          'timestamp_micros', (extract(epoch from event."timestamp") * 1000000)::bigint, 'received_at', event.received_at,
          'arrival', event.arrival::text, 'code', event.code, 'source', event.source,
          'transaction_id', event.transaction_id, 'external_subscription_id', event.external_subscription_id,
          'amount_minor', event.amount_minor::text, 'properties', event.properties)::text as json
      from ${partitionOfMonth(month)} event join organizations organization using (organization_id)
      order by event.organization_id, event.customer_id, event."timestamp", event.arrival`
    return await work(readCursor(statementsOf(transaction), { name: 'exported_events', text, parameters: [] }))
  })
}
