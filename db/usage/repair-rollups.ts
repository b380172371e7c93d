import type { RollupDelta } from '../../shared/metering/rollup.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'

/** Which row of the rollups. */
export type RollupKey = Pick<RollupDelta, 'customerId' | 'seriesId' | 'level' | 'bucket'>

/**
 * Locks rows until the transaction ends; those that are missing are there from now on, empty. Keys must be in the order in
 * which ingestion locks them, so that the two never wait for each other in a circle.
 */
export async function lockRollups(
  client: Statements,
  organizationId: number,
  keys: readonly RollupKey[],
): Promise<void> {
  if (keys.length === 0) return
  await client.query(
    `insert into usage_rollups as stored (customer_id, series_id, level, bucket, organization_id, events_count, value_sum)
     select customer_id, series_id, level, bucket, $1, 0, 0
     from unnest($2::integer[], $3::bigint[], $4::smallint[], $5::integer[]) as key (customer_id, series_id, level, bucket)
     on conflict (customer_id, series_id, level, bucket) do update set events_count = stored.events_count`,
    [organizationId, ...keyColumns(keys)],
  )
}

/** Overwrites rows that the transaction has locked. */
export async function overwriteRollups(
  client: Statements,
  organizationId: number,
  rows: readonly RollupDelta[],
): Promise<void> {
  if (rows.length === 0) return
  await client.query(
    `update usage_rollups stored set events_count = row.events_count, value_sum = row.value_sum,
       value_max = row.value_max, value_min = row.value_min, value_time_sum = row.value_time_sum,
       latest_at = row.latest_at, latest_arrival = row.latest_arrival, latest_value = row.latest_value,
       distinct_values = row.distinct_values, distinct_present = row.distinct_present
     from unnest($2::integer[], $3::bigint[], $4::smallint[], $5::integer[], $6::bigint[], $7::numeric[], $8::numeric[],
         $9::numeric[], $10::numeric[], $11::timestamptz[], $12::bigint[], $13::numeric[], $14::bigint[], $15::bigint[])
       as row (customer_id, series_id, level, bucket, events_count, value_sum,
         value_max, value_min, value_time_sum, latest_at, latest_arrival, latest_value, distinct_values, distinct_present)
     where stored.customer_id = row.customer_id and stored.series_id = row.series_id and stored.level = row.level
       and stored.bucket = row.bucket and stored.organization_id = $1`,
    [
      organizationId,
      ...keyColumns(rows),
      rows.map((row) => row.eventsCount),
      rows.map((row) => row.valueSum),
      rows.map((row) => row.valueMax),
      rows.map((row) => row.valueMin),
      rows.map((row) => row.valueTimeSum),
      rows.map(({ latest }) => (latest === null ? null : isoOfMicros(latest.atMicros))),
      rows.map(({ latest }) => latest?.arrival.toString() ?? null),
      rows.map(({ latest }) => latest?.value.toFixed() ?? null),
      rows.map((row) => row.distinctValues),
      rows.map((row) => row.distinctPresent),
    ],
  )
}

/** Removes rows that the transaction has locked. */
export async function deleteRollups(
  client: Statements,
  organizationId: number,
  keys: readonly RollupKey[],
): Promise<void> {
  if (keys.length === 0) return
  await client.query(
    `delete from usage_rollups stored
     using unnest($2::integer[], $3::bigint[], $4::smallint[], $5::integer[]) as key (customer_id, series_id, level, bucket)
     where stored.customer_id = key.customer_id and stored.series_id = key.series_id and stored.level = key.level
       and stored.bucket = key.bucket and stored.organization_id = $1`,
    [organizationId, ...keyColumns(keys)],
  )
}

function keyColumns(keys: readonly RollupKey[]): readonly unknown[] {
  return [
    keys.map((key) => key.customerId),
    keys.map((key) => key.seriesId),
    keys.map((key) => key.level),
    keys.map((key) => key.bucket),
  ]
}
