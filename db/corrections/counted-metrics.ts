import type { CountedMetric } from '../../shared/metering/count-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { UnprocessedReason } from '../schema.ts'
import type { Statements } from '../statements.ts'
import { COUNTED_METRIC_COLUMNS } from '../usage/counted-metric-columns.ts'
import type { StoredUsageEvent } from '../usage/usage-events.ts'

/** A metric, and which of the events that were there before it are counted already. */
export interface MetricProgress extends CountedMetric {
  readonly countedFrom: string
  readonly rebuildCursor: number | null
  readonly rebuildAt: Temporal.Instant | null
  readonly rebuildArrival: string | null
}

/** The metrics that read events of the codes, held so that no rebuild moves on until the transaction ends. */
export async function lockMetricsOfCodes(
  client: Statements,
  organizationId: number,
  codes: readonly string[],
): Promise<readonly MetricProgress[]> {
  const { rows } = await client.query<MetricProgress>(
    `select ${COUNTED_METRIC_COLUMNS}, counted_from as "countedFrom", rebuild_cursor as "rebuildCursor",
       rebuild_at as "rebuildAt", rebuild_arrival as "rebuildArrival"
     from billable_metrics where organization_id = $1 and event_code = any($2::text[])
     order by id for share`,
    [organizationId, codes],
  )
  return rows
}

/** Whether the turn of an event has come: as it arrived, or since then by the rebuild. */
export function hasReached(
  { countedFrom, rebuildCursor, rebuildAt, rebuildArrival }: MetricProgress,
  { customerId, arrival, event }: StoredUsageEvent,
): boolean {
  if (rebuildCursor === null || arrival >= BigInt(countedFrom)) return true
  if (customerId !== rebuildCursor) return customerId < rebuildCursor
  if (rebuildAt === null) return true
  const [at, reachedAt] = [isoOfMicros(event.timestampMicros), rebuildAt]
  const order = Temporal.Instant.compare(Temporal.Instant.from(at), reachedAt)
  return order < 0 || (order === 0 && arrival <= BigInt(rebuildArrival ?? 0))
}

/** An entry that says why an event did not count. */
export interface RemovedEntry {
  readonly metricId: string | null
  readonly reason: UnprocessedReason
}

/**
 * Removes what is listed of an event that counts no more; answers with it. A conflicting duplicate is another event's
 * entry and stays.
 */
export async function removeEntries(
  client: Statements,
  organizationId: number,
  { customerId, eventKey }: StoredUsageEvent,
): Promise<readonly RemovedEntry[]> {
  const { rows } = await client.query<RemovedEntry>(
    `delete from unprocessed_events
     where organization_id = $1 and customer_id = $2 and event_key = $3 and reason <> 'duplicate_conflict'
     returning billable_metric_id as "metricId", reason`,
    [organizationId, customerId, eventKey],
  )
  return rows
}
