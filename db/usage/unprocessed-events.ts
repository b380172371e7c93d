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
     ${ANNOUNCE_KEPT}`,
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

/** SQL that adds what `kept` has of reasons to what will be announced to the organization `$1`. */
const ANNOUNCE_KEPT = `insert into unprocessed_alerts as alert (organization_id, reason, unannounced_events, since)
  select $1, reason, count(*), now() from kept group by reason order by reason
  on conflict (organization_id, reason) do update
    set unannounced_events = alert.unannounced_events + excluded.unannounced_events,
      since = coalesce(alert.since, excluded.since)`

/** Which entries are looked at: of the customers, or those of the ids; at most so many. */
interface UnknownNames {
  readonly customerIds: readonly string[] | null
  readonly entryIds: readonly string[] | null
  readonly limit: number
}

/**
 * Gives entries of a subscription that was unknown the reason of now, where one of the name exists and does not run at
 * their time: those that it pays for by now must have been removed. Answers with their number.
 */
export async function updateUnknownSubscriptions(
  client: Statements,
  organizationId: number,
  { customerIds, entryIds, limit }: UnknownNames,
): Promise<number> {
  const { rows } = await client.query<{ updated: number }>(
    `with kept as (
     update unprocessed_events entry set reason = 'subscription_not_running'
     where (entry.customer_id, entry.id) in (
       select unknown.customer_id, unknown.id from unprocessed_events unknown
       join customers customer using (customer_id)
       where unknown.organization_id = $1 and unknown.reason = 'subscription_not_found'
         and ($2::uuid[] is null or customer.id = any($2)) and ($3::uuid[] is null or unknown.id = any($3))
         and exists (select from subscriptions named where named.organization_id = $1
           and named.customer_id = unknown.customer_id
           and named.external_id = unknown.details ->> 'external_subscription_id')
       limit $4)
     returning reason),
     announced as (${ANNOUNCE_KEPT})
     select count(*)::integer as updated from kept`,
    [organizationId, customerIds, entryIds, limit],
  )
  return rows[0]?.updated ?? 0
}
