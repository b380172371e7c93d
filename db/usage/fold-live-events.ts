import { bucketOf, QUARTER_HOUR, QUARTER_HOUR_MICROS } from '../../shared/metering/buckets.ts'
import { contributionOf } from '../../shared/metering/contribution.ts'
import { dimensionsOf, storedParts } from '../../shared/metering/count-event.ts'
import { type RollupDelta, RollupDeltas } from '../../shared/metering/rollup.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { refuseArchived } from '../archives/archived-usage.ts'
import type { Statements } from '../statements.ts'
import type { CountedContribution } from './count-events.ts'
import { type EventRow, storedEvent } from './rebuild.ts'
import type { StoredUsageEvent } from './usage-events.ts'

const PAGE = 10_000

/**
 * What the live events of a bucket come to: those that the metric counts in the series and the quarter hour of one that left.
 * Throws `usage_archived` where some of them are archived.
 */
export async function foldLiveEvents(
  client: Statements,
  organizationId: number,
  {
    contribution: { event: left, metric },
    seriesId,
    isCounted,
  }: { contribution: CountedContribution; seriesId: string; isCounted: (event: StoredUsageEvent) => boolean },
): Promise<RollupDelta | undefined> {
  const dimensions = JSON.stringify(dimensionsOf(left.event, metric))
  const series = { customerId: left.customerId }
  const deltas = new RollupDeltas<typeof series>()
  let last: StoredUsageEvent | undefined
  for (;;) {
    const events = await listLiveEvents(client, organizationId, { left, metricId: metric.id, last })
    for (const stored of events) {
      const read = contributionOf(stored.event, metric)
      if (!('value' in read) || JSON.stringify(dimensionsOf(stored.event, metric)) !== dimensions) continue
      if (!isCounted(stored)) continue
      const {
        arrival,
        event: { timestampMicros },
      } = stored
      deltas.add(series, { timestampMicros, arrival, value: read.value, stores: storedParts(metric) })
    }
    if (events.length < PAGE) break
    last = events.at(-1)
  }
  const { start, end } = quarterHourOf(left)
  // After it was read: a month may be archived at any moment, and is empty to whoever waited for that.
  await refuseArchived(client, organizationId, [{ start, end }])
  return deltas.sorted(() => seriesId).find(({ level }) => level === QUARTER_HOUR)
}

// An entry of the metric says that it does not count the event.
async function listLiveEvents(
  client: Statements,
  organizationId: number,
  { left, metricId, last }: { left: StoredUsageEvent; metricId: string; last: StoredUsageEvent | undefined },
): Promise<StoredUsageEvent[]> {
  const { customerId, event } = left
  const { start, end } = quarterHourOf(left)
  const { rows } = await client.query<EventRow>(
    `select event_key, "timestamp", received_at, arrival, code, source, transaction_id, external_subscription_id,
       amount_minor::text as amount_minor, properties::text as properties
     from live_usage_events event
     where organization_id = $1 and customer_id = $2 and code = $3 and external_subscription_id is not distinct from $4
       and "timestamp" >= $5 and "timestamp" < $6
       and ("timestamp", arrival) > (coalesce($7::timestamptz, '-infinity'), coalesce($8::bigint, -1))
       and not exists (
         select from unprocessed_events entry
         where entry.customer_id = $2 and entry.event_key = event.event_key and entry.billable_metric_id = $9)
     order by "timestamp", arrival limit ${PAGE}`,
    [
      organizationId,
      customerId,
      event.code,
      event.externalSubscriptionId,
      start,
      end,
      last === undefined ? null : isoOfMicros(last.event.timestampMicros),
      last?.arrival.toString() ?? null,
      metricId,
    ],
  )
  return rows.map((row) => storedEvent(customerId, row))
}

function quarterHourOf({ event: { timestampMicros } }: StoredUsageEvent): { start: string; end: string } {
  const startMicros = bucketOf(QUARTER_HOUR, timestampMicros) * QUARTER_HOUR_MICROS
  return { start: isoOfMicros(startMicros), end: isoOfMicros(startMicros + QUARTER_HOUR_MICROS) }
}
