import { bucketOf, DAY, QUARTER_HOUR, QUARTERS_PER_DAY } from '../../shared/metering/buckets.ts'
import { storedParts } from '../../shared/metering/count-event.ts'
import type { RollupDelta } from '../../shared/metering/rollup.ts'
import { isoOfMicros, microsOfInstant } from '../../shared/metering/timestamp.ts'
import { decimal } from '../../shared/money/decimal.ts'
import type { Statements } from '../statements.ts'
import type { CountedContribution } from './count-events.ts'
import { foldLiveEvents } from './fold-live-events.ts'
import { requireSeries, seriesOf } from './series.ts'
import type { StoredUsageEvent } from './usage-events.ts'

/**
 * Makes the buckets right that a contribution has left: their largest, smallest and latest values are looked for among the
 * live events again where it may have been one of them, and what counts nothing any more goes. To be called after
 * `countEvents`, whose locks keep everybody else out of these buckets. `isCounted` says which events the metric counts.
 */
export async function restoreExtremes(
  client: Statements,
  organizationId: number,
  contribution: CountedContribution,
  isCounted: (event: StoredUsageEvent) => boolean,
): Promise<void> {
  const { event, metric } = contribution
  const [series] = await requireSeries(client, organizationId, [seriesOf(event, metric)])
  const seriesId = series?.seriesId ?? ''
  const { customerId } = event
  const { timestampMicros } = event.event
  const place = {
    organizationId,
    customerId,
    seriesId,
    bucket: bucketOf(QUARTER_HOUR, timestampMicros),
    day: bucketOf(DAY, timestampMicros),
  }
  await deleteEmpty(client, place)
  const stores = storedParts(metric).filter((part) => part !== 'timeSum')
  if (stores.length === 0) return
  const left = await findExtremes(client, place)
  if (left !== undefined && !mayHaveBeenExtreme(left, contribution)) return
  if (left !== undefined) {
    const found = await foldLiveEvents(client, organizationId, { contribution, seriesId, isCounted })
    await updateQuarterHour(client, place, found)
  }
  await updateDay(client, place)
}

/** Both buckets that an event is counted in. */
interface Place {
  readonly organizationId: number
  readonly customerId: number
  readonly seriesId: string
  /** The quarter hour. */
  readonly bucket: number
  readonly day: number
}

interface Extremes {
  readonly max: string | null
  readonly min: string | null
  readonly latestAt: Temporal.Instant | null
  readonly latestArrival: string | null
}

async function deleteEmpty(
  client: Statements,
  { organizationId, customerId, seriesId, bucket, day }: Place,
): Promise<void> {
  await client.query(
    `delete from usage_rollups
     where organization_id = $1 and customer_id = $2 and series_id = $3 and events_count = 0
       and ((level = ${QUARTER_HOUR} and bucket = $4) or (level = ${DAY} and bucket = $5))`,
    [organizationId, customerId, seriesId, bucket, day],
  )
}

async function findExtremes(
  client: Statements,
  { organizationId, customerId, seriesId, bucket }: Place,
): Promise<Extremes | undefined> {
  const { rows } = await client.query<Extremes>(
    `select value_max as max, value_min as min, latest_at as "latestAt", latest_arrival as "latestArrival"
     from usage_rollups
     where organization_id = $1 and customer_id = $2 and series_id = $3 and level = ${QUARTER_HOUR} and bucket = $4`,
    [organizationId, customerId, seriesId, bucket],
  )
  return rows[0]
}

function mayHaveBeenExtreme(
  { max, min, latestAt, latestArrival }: Extremes,
  { event, value }: CountedContribution,
): boolean {
  const isLatest =
    latestAt !== null &&
    microsOfInstant(latestAt) === event.event.timestampMicros &&
    BigInt(latestArrival ?? 0) === event.arrival
  return isLatest || [max, min].some((extreme) => extreme !== null && decimal(extreme).equals(value))
}

async function updateQuarterHour(
  client: Statements,
  { organizationId, customerId, seriesId, bucket }: Place,
  found: RollupDelta | undefined,
): Promise<void> {
  const latest = found?.latest ?? null
  await client.query(
    `update usage_rollups set value_max = $5, value_min = $6, latest_at = $7, latest_arrival = $8, latest_value = $9
     where organization_id = $1 and customer_id = $2 and series_id = $3 and level = ${QUARTER_HOUR} and bucket = $4`,
    [
      organizationId,
      customerId,
      seriesId,
      bucket,
      found?.valueMax ?? null,
      found?.valueMin ?? null,
      latest === null ? null : isoOfMicros(latest.atMicros),
      latest?.arrival.toString() ?? null,
      latest?.value.toFixed() ?? null,
    ],
  )
}

// Whoever has changed another quarter hour of the day and not yet committed still has the day to merge.
async function updateDay(client: Statements, { organizationId, customerId, seriesId, day }: Place): Promise<void> {
  await client.query(
    `update usage_rollups of_day
     set value_max = found.max, value_min = found.min,
       latest_at = found.at, latest_arrival = found.arrival, latest_value = found.value
     from (
       select max(value_max) as max, min(value_min) as min,
         (array_agg(latest_at order by latest_at desc, latest_arrival desc) filter (where latest_at is not null))[1] as at,
         (array_agg(latest_arrival order by latest_at desc, latest_arrival desc) filter (where latest_at is not null))[1]
           as arrival,
         (array_agg(latest_value order by latest_at desc, latest_arrival desc) filter (where latest_at is not null))[1] as value
       from usage_rollups
       where organization_id = $1 and customer_id = $2 and series_id = $3 and level = ${QUARTER_HOUR}
         and bucket >= $5 and bucket < $6) found
     where of_day.organization_id = $1 and of_day.customer_id = $2 and of_day.series_id = $3
       and of_day.level = ${DAY} and of_day.bucket = $4`,
    [organizationId, customerId, seriesId, day, day * QUARTERS_PER_DAY, (day + 1) * QUARTERS_PER_DAY],
  )
}
