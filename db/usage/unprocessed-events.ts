import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { UnprocessedReason } from '../schema.ts'
import type { Statements } from '../statements.ts'

/** Why one event does not count for one metric, or at all. */
export interface UnprocessedEvent {
  readonly customerId: number
  readonly eventKey: string
  readonly timestampMicros: number
  readonly code: string
  readonly transactionId: string
  readonly metricId: string | null
  readonly reason: UnprocessedReason
  readonly details: Readonly<Record<string, unknown>>
}

/**
 * Keeps what could not be counted, once per event, metric, reason and details, however often it is told; what is new of
 * it is added to what will be announced.
 */
export async function insertUnprocessedEvents(
  client: Statements,
  organizationId: number,
  rows: readonly UnprocessedEvent[],
): Promise<void> {
  if (rows.length === 0) return
  await client.query(
    `with kept as (
     insert into unprocessed_events
       (organization_id, customer_id, event_key, "timestamp", code, transaction_id, billable_metric_id, reason, details)
     select $1, customer_id, event_key, at, code, transaction_id, metric_id, reason, details
     from unnest($2::integer[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::jsonb[])
       as unprocessed (customer_id, event_key, at, code, transaction_id, metric_id, reason, details)
     order by customer_id, event_key
     on conflict do nothing
     returning reason)
     insert into unprocessed_alerts as alert (organization_id, reason, unannounced_events, since)
     select $1, reason, count(*), now() from kept group by reason order by reason
     on conflict (organization_id, reason) do update
       set unannounced_events = alert.unannounced_events + excluded.unannounced_events,
         since = coalesce(alert.since, excluded.since)`,
    [
      organizationId,
      rows.map((row) => row.customerId),
      rows.map((row) => row.eventKey),
      rows.map((row) => isoOfMicros(row.timestampMicros)),
      rows.map((row) => row.code),
      rows.map((row) => row.transactionId),
      rows.map((row) => row.metricId),
      rows.map((row) => row.reason),
      rows.map((row) => JSON.stringify(row.details)),
    ],
  )
}
