import type { PoolClient } from 'pg'
import type { RollupDelta } from '../../shared/metering/rollup.ts'

/** Adds what a batch counted to the rollups. Deltas must be sorted by their key. */
export async function mergeRollups(
  client: PoolClient,
  organizationId: number,
  deltas: readonly RollupDelta[],
): Promise<void> {
  if (deltas.length === 0) return
  await client.query(
    `insert into usage_rollups as stored (customer_id, series_id, level, bucket, organization_id, events_count, value_sum)
     select customer_id, series_id, level, bucket, $1, events_count, value_sum
     from unnest($2::integer[], $3::bigint[], $4::smallint[], $5::integer[], $6::bigint[], $7::numeric[])
       as delta (customer_id, series_id, level, bucket, events_count, value_sum)
     on conflict (customer_id, series_id, level, bucket) do update
       set events_count = stored.events_count + excluded.events_count, value_sum = stored.value_sum + excluded.value_sum`,
    [
      organizationId,
      deltas.map((delta) => delta.customerId),
      deltas.map((delta) => delta.seriesId),
      deltas.map((delta) => delta.level),
      deltas.map((delta) => delta.bucket),
      deltas.map((delta) => delta.eventsCount),
      deltas.map((delta) => delta.valueSum),
    ],
  )
}
