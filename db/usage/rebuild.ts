import type { Pool, PoolClient } from 'pg'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { CountedMetric } from '../../shared/metering/count-event.ts'
import { isoOfMicros, microsOfInstant } from '../../shared/metering/timestamp.ts'
import { COUNTED_METRIC_COLUMNS } from './counted-metric-columns.ts'
import { readStoredEvent } from './read-stored-event.ts'
import type { StoredUsageEvent } from './usage-events.ts'

/** A metric whose events from before it, or before its dimensions, are being counted, and how far that has come. */
export interface RebuildingMetric extends CountedMetric {
  readonly countedFrom: string
  readonly rebuildCursor: number
  readonly rebuildAt: Temporal.Instant | null
  readonly rebuildArrival: string | null
}

/** Metrics with events still to be counted, over all organizations. */
export async function listRebuildingMetrics(pool: Pool): Promise<{ id: string; organizationId: number }[]> {
  const { rows } = await pool.query<{ id: string; organizationId: number }>(
    `select id, organization_id as "organizationId" from billable_metrics where rebuild_cursor is not null order by id`,
  )
  return rows
}

/** The metric, held until the transaction ends; undefined when it is done or another worker has it. */
export async function lockRebuildingMetric(
  client: PoolClient,
  organizationId: number,
  metricId: string,
): Promise<RebuildingMetric | undefined> {
  const { rows } = await client.query<RebuildingMetric>(
    `select ${COUNTED_METRIC_COLUMNS}, counted_from as "countedFrom", rebuild_cursor as "rebuildCursor",
       rebuild_at as "rebuildAt", rebuild_arrival as "rebuildArrival"
     from billable_metrics where organization_id = $1 and id = $2 and rebuild_cursor is not null
     for update skip locked`,
    [organizationId, metricId],
  )
  return rows[0]
}

/** The next customer in order of their keys; the cursor's own while its events are not all counted. */
export async function findNextCustomer(
  client: PoolClient,
  organizationId: number,
  { rebuildCursor, rebuildAt }: RebuildingMetric,
): Promise<number | undefined> {
  const { rows } = await client.query<{ customer_id: number }>(
    `select customer_id from customers where organization_id = $1 and customer_id ${rebuildAt === null ? '>' : '>='} $2
     order by customer_id limit 1`,
    [organizationId, rebuildCursor],
  )
  return rows[0]?.customer_id
}

/** The next events of a customer that arrived before the metric counted by itself, in order of time, then arrival. */
export async function listEventsToRebuild(
  client: PoolClient,
  organizationId: number,
  { metric, customerId, limit }: { metric: RebuildingMetric; customerId: number; limit: number },
): Promise<StoredUsageEvent[]> {
  const isResumed = metric.rebuildAt !== null && metric.rebuildCursor === customerId
  const { rows } = await client.query<EventRow>(
    `select event_key, "timestamp", received_at, arrival, code, source, transaction_id, external_subscription_id,
       amount_minor::text as amount_minor, properties::text as properties
     from live_usage_events
     where organization_id = $1 and customer_id = $2 and code = $3 and arrival < $4
       -- Refused usage stays refused.
       and not exists (select from unprocessed_events refused
         where refused.customer_id = $2 and refused.event_key = live_usage_events.event_key
           and refused.billable_metric_id = $8 and refused.reason = 'period_closed')
       and ("timestamp", arrival) > (coalesce($5::timestamptz, '-infinity'), coalesce($6::bigint, -1))
     order by "timestamp", arrival limit $7`,
    [
      organizationId,
      customerId,
      metric.eventCode,
      metric.countedFrom,
      isResumed ? metric.rebuildAt?.toString() : null,
      isResumed ? metric.rebuildArrival : null,
      limit,
      metric.id,
    ],
  )
  return rows.map((row) => storedEvent(customerId, row))
}

/** A raw event as it is stored. */
export interface EventRow {
  readonly event_key: string
  readonly timestamp: Temporal.Instant
  readonly received_at: Temporal.Instant
  readonly arrival: string
  readonly code: string
  readonly source: string
  readonly transaction_id: string
  readonly external_subscription_id: string | null
  readonly amount_minor: string | null
  readonly properties: string
}

export function storedEvent(customerId: number, row: EventRow): StoredUsageEvent {
  return {
    customerId,
    eventKey: row.event_key,
    receivedAt: row.received_at.toString(),
    arrival: BigInt(row.arrival),
    event: readStoredEvent({
      source: row.source,
      transactionId: row.transaction_id,
      code: row.code,
      externalSubscriptionId: row.external_subscription_id,
      timestampMicros: microsOfInstant(row.timestamp),
      amountMinor: row.amount_minor,
      properties: parseExactJson(row.properties) as Record<string, unknown>,
    }),
  }
}

/** Writes down how far the rebuild has come; null is the end. */
export async function saveRebuildProgress(
  client: PoolClient,
  organizationId: number,
  metricId: string,
  progress: { customerId: number; last: StoredUsageEvent | undefined } | null,
): Promise<void> {
  await client.query(
    `update billable_metrics set rebuild_cursor = $3, rebuild_at = $4, rebuild_arrival = $5, updated_at = now()
     where organization_id = $1 and id = $2`,
    [
      organizationId,
      metricId,
      progress?.customerId ?? null,
      progress?.last === undefined ? null : isoOfMicros(progress.last.event.timestampMicros),
      progress?.last?.arrival.toString() ?? null,
    ],
  )
}

/**
 * Forgets of events which a metric has read now that none was found and, of those it has counted, what it could not use
 * before it was changed: an entry means that its metric does not count the event.
 */
export async function deleteOvercome(
  client: PoolClient,
  organizationId: number,
  {
    customerId,
    metricId,
    readKeys,
    countedKeys,
  }: { customerId: number; metricId: string; readKeys: readonly string[]; countedKeys: readonly string[] },
): Promise<void> {
  await client.query(
    `delete from unprocessed_events
     where organization_id = $1 and customer_id = $2 and event_key = any($3::uuid[])
       and (reason = 'metric_not_found' or (billable_metric_id = $4 and event_key = any($5::uuid[])))`,
    [organizationId, customerId, readKeys, metricId, countedKeys],
  )
}

/** Forgets what a customer's series of older generations hold; nothing reads them any more. */
export async function deleteOutdatedSeries(
  client: PoolClient,
  organizationId: number,
  { metric, customerId }: { metric: RebuildingMetric; customerId: number },
): Promise<void> {
  const outdated = [organizationId, customerId, metric.id, metric.generation]
  await client.query(
    `delete from usage_rollups using usage_series series
     where usage_rollups.customer_id = $2 and series.customer_id = $2 and usage_rollups.series_id = series.series_id
       and series.organization_id = $1 and series.billable_metric_id = $3 and series.generation < $4`,
    outdated,
  )
  await client.query(
    `delete from usage_distinct_values using usage_series series
     where usage_distinct_values.customer_id = $2 and series.customer_id = $2
       and usage_distinct_values.series_id = series.series_id
       and series.organization_id = $1 and series.billable_metric_id = $3 and series.generation < $4`,
    outdated,
  )
  await client.query(
    `delete from usage_series
     where organization_id = $1 and customer_id = $2 and billable_metric_id = $3 and generation < $4`,
    outdated,
  )
}
