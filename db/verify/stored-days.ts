import { DAY, dayOfQuarterHour } from '../../shared/metering/buckets.ts'
import type { RollupDelta } from '../../shared/metering/rollup.ts'
import { decimal } from '../../shared/money/decimal.ts'
import { readCursor } from '../cursor.ts'
import type { Statements } from '../statements.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import type { UsageDay } from './counted-days.ts'
import { seriesKey } from './series-key.ts'
import type { SelectedMetric } from './usage-selection.ts'

/** Which rollups are read. */
export interface StoredRange {
  readonly organizationId: number
  readonly customerId: number | undefined
  readonly metrics: readonly SelectedMetric[]
  /** Number of the only day; undefined: all. */
  readonly day?: number | undefined
}

/** A stored row with what its series is. */
export interface StoredRollup extends RollupDelta {
  /** The id of the series; `seriesId` is its key. */
  readonly storedSeriesId: string
  readonly identity: SeriesIdentity
}

/** The stored rollups of a selection as days without values, in order of customer, then time. */
export async function* readStoredDays(client: Statements, range: StoredRange): AsyncGenerator<UsageDay, void> {
  let rows: StoredRollup[] = []
  for await (const row of readCursor<StoredRow>(client, { name: 'stored_rollups', ...storedQuery(range) })) {
    const rollup = rollupOf(row)
    const [first] = rows
    if (first !== undefined && (first.customerId !== rollup.customerId || dayOf(first) !== dayOf(rollup))) {
      yield usageDay(first, rows)
      rows = []
    }
    rows.push(rollup)
  }
  if (rows[0] !== undefined) yield usageDay(rows[0], rows)
}

/** The stored rollups of one customer's day. */
export async function listStoredRollups(client: Statements, range: StoredRange): Promise<readonly StoredRollup[]> {
  const { text, parameters } = storedQuery(range)
  return (await client.query<StoredRow>(text, parameters)).rows.map(rollupOf)
}

interface StoredRow {
  readonly customerId: number
  readonly seriesId: string
  readonly metricId: string
  readonly externalSubscriptionId: string | null
  readonly generation: number
  readonly dimensions: Record<string, string>
  readonly level: 0 | 1
  readonly bucket: number
  readonly eventsCount: string
  readonly valueSum: string
  readonly valueMax: string | null
  readonly valueMin: string | null
  readonly valueTimeSum: string | null
  readonly latestMicros: string | null
  readonly latestArrival: string | null
  readonly latestValue: string | null
  readonly distinctValues: string | null
  readonly distinctPresent: string | null
}

function storedQuery({ organizationId, customerId, metrics, day }: StoredRange) {
  return {
    text: `select rollup.customer_id as "customerId", rollup.series_id::text as "seriesId",
        series.billable_metric_id::text as "metricId", series.external_subscription_id as "externalSubscriptionId",
        series.generation, series.dimensions, rollup.level, rollup.bucket, rollup.events_count::text as "eventsCount",
        rollup.value_sum::text as "valueSum", rollup.value_max::text as "valueMax", rollup.value_min::text as "valueMin",
        rollup.value_time_sum::text as "valueTimeSum",
        (extract(epoch from rollup.latest_at) * 1000000)::bigint::text as "latestMicros",
        rollup.latest_arrival::text as "latestArrival", rollup.latest_value::text as "latestValue",
        rollup.distinct_values::text as "distinctValues", rollup.distinct_present::text as "distinctPresent"
      from usage_rollups rollup
      join usage_series series on series.customer_id = rollup.customer_id and series.series_id = rollup.series_id
      where rollup.organization_id = $1 and ($2::integer is null or rollup.customer_id = $2)
        and series.billable_metric_id = any($3::uuid[])
        and ($4::integer is null or ${DAY_OF_BUCKET} = $4)
      order by rollup.customer_id, ${DAY_OF_BUCKET}`,
    parameters: [organizationId, customerId ?? null, metrics.map(({ id }) => id), day ?? null],
  }
}

const DAY_OF_BUCKET = `(case rollup.level when ${DAY} then rollup.bucket else floor(rollup.bucket / 96.0)::integer end)`

function rollupOf(row: StoredRow): StoredRollup {
  const { latestMicros, latestArrival, latestValue, metricId, generation, dimensions, seriesId, ...stored } = row
  const { customerId, externalSubscriptionId } = stored
  const identity = { customerId, metricId, externalSubscriptionId, generation, dimensions }
  return {
    customerId,
    seriesId: seriesKey(identity),
    storedSeriesId: seriesId,
    identity,
    level: stored.level,
    bucket: stored.bucket,
    keepsParts: true,
    eventsCount: Number(stored.eventsCount),
    valueSum: stored.valueSum,
    valueMax: stored.valueMax,
    valueMin: stored.valueMin,
    valueTimeSum: stored.valueTimeSum,
    latest:
      latestMicros === null || latestArrival === null || latestValue === null
        ? null
        : { atMicros: Number(latestMicros), arrival: BigInt(latestArrival), value: decimal(latestValue) },
    distinctValues: stored.distinctValues === null ? null : Number(stored.distinctValues),
    distinctPresent: stored.distinctPresent === null ? null : Number(stored.distinctPresent),
  }
}

function usageDay(first: StoredRollup, rollups: readonly StoredRollup[]): UsageDay {
  const series = new Map(rollups.map(({ seriesId, identity }) => [seriesId, identity]))
  return {
    customerId: first.customerId,
    day: dayOf(first),
    rollups,
    series,
    values: new Map(),
  }
}

function dayOf({ level, bucket }: RollupDelta): number {
  return level === DAY ? bucket : dayOfQuarterHour(bucket)
}
