import type { PoolClient } from 'pg'
import type { CountedMetric } from '../../shared/metering/count-event.ts'
import type { UnprocessedReason } from '../schema.ts'
import { COUNTED_METRIC_COLUMNS } from './counted-metric-columns.ts'
import { type EventRow, storedEvent } from './rebuild.ts'
import type { StoredUsageEvent } from './usage-events.ts'

/** An event that its metric does not count, with every entry that says so. */
export interface UncountedEvent extends StoredUsageEvent {
  readonly entryIds: readonly string[]
}

/**
 * The metric as it is defined now, kept from being rebuilt or changed until the transaction ends. Undefined while a
 * rebuild is under way: it counts these events itself.
 */
export async function lockMetricForRecount(
  client: PoolClient,
  organizationId: number,
  metricId: string,
): Promise<CountedMetric | undefined> {
  const { rows } = await client.query<CountedMetric & { rebuilding: boolean }>(
    `select ${COUNTED_METRIC_COLUMNS}, rebuild_cursor is not null as rebuilding
     from billable_metrics where organization_id = $1 and id = $2
     for share`,
    [organizationId, metricId],
  )
  return rows[0]?.rebuilding === false ? rows[0] : undefined
}

/**
 * The events that the entries are about, which the metric must be locked for. An entry is the proof that its event does
 * not count: all entries of one event and metric are held until the transaction ends, and whoever waited for them finds
 * them gone.
 */
export async function lockUncountedEvents(
  client: PoolClient,
  organizationId: number,
  metricId: string,
  ids: readonly string[],
): Promise<UncountedEvent[]> {
  const { rows: entries } = await client.query<{ id: string; customer_id: number; event_key: string; at: string }>(
    `select entry.id, entry.customer_id, entry.event_key, entry."timestamp"::text as at
     from unprocessed_events entry
     where entry.organization_id = $1 and entry.billable_metric_id = $2
       and (entry.customer_id, entry.event_key) in (
         select customer_id, event_key from unprocessed_events where organization_id = $1 and id = any($3::uuid[]))
     order by entry.customer_id, entry.event_key, entry.id
     for update of entry`,
    [organizationId, metricId, ids],
  )
  const { rows } = await client.query<EventRow & { customer_id: number }>(
    `select event.customer_id, event.event_key, event."timestamp", event.received_at, event.arrival, event.code, event.source,
       event.transaction_id, event.external_subscription_id, event.amount_minor, event.properties::text as properties
     from (select distinct customer_id, event_key, at
           from unnest($2::integer[], $3::uuid[], $4::timestamptz[]) as held (customer_id, event_key, at)) held
     join live_usage_events event on event.customer_id = held.customer_id and event."timestamp" = held.at
       and event.event_key = held.event_key
     where event.organization_id = $1
     order by event.customer_id, event.event_key`,
    [
      organizationId,
      entries.map((entry) => entry.customer_id),
      entries.map((entry) => entry.event_key),
      entries.map((entry) => entry.at),
    ],
  )
  const byEvent = Map.groupBy(entries, (entry) => `${entry.customer_id}/${entry.event_key}`)
  return rows.map((row) => ({
    ...storedEvent(row.customer_id, row),
    entryIds: (byEvent.get(`${row.customer_id}/${row.event_key}`) ?? []).map(({ id }) => id),
  }))
}

/** Removes entries of events that are counted now. */
export async function deleteEntries(client: PoolClient, organizationId: number, ids: readonly string[]): Promise<void> {
  await client.query('delete from unprocessed_events where organization_id = $1 and id = any($2::uuid[])', [
    organizationId,
    ids,
  ])
}

/** Writes down why an event still does not count, unless an entry says just that. */
export async function updateEntry(
  client: PoolClient,
  organizationId: number,
  { id, reason, details }: { id: string; reason: UnprocessedReason; details: Readonly<Record<string, unknown>> },
): Promise<void> {
  await client.query(
    `update unprocessed_events entry set reason = $3, details = $4
     where organization_id = $1 and id = $2 and not exists (
       select from unprocessed_events other
       where other.customer_id = entry.customer_id and other.event_key = entry.event_key
         and other.billable_metric_id = entry.billable_metric_id and other.reason = $3 and other.details = $4)`,
    [organizationId, id, reason, JSON.stringify(details)],
  )
}
