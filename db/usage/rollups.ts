import type { RollupDelta } from '../../shared/metering/rollup.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { plainArray } from '../plain-array.ts'
import type { Statements } from '../statements.ts'

/**
 * Adds what a batch counted to the rollups. Deltas must be sorted by their key: transactions that touch the same rows
 * lock those that keep only count and sum first, then the others, each in that order.
 */
export async function mergeRollups(
  client: Statements,
  organizationId: number,
  deltas: Iterable<RollupDelta>,
): Promise<void> {
  const sums = new SumColumns()
  const distinct: RollupDelta[] = []
  const parts: RollupDelta[] = []
  for (const delta of deltas) {
    if (delta.keepsParts) parts.push(delta)
    else if (delta.distinctValues !== null) distinct.push(delta)
    else sums.add(delta)
  }
  await mergeSums(client, organizationId, sums)
  await mergeDistinct(client, organizationId, distinct)
  await mergeParts(client, organizationId, parts)
}

async function mergeSums(client: Statements, organizationId: number, sums: SumColumns): Promise<void> {
  if (sums.isEmpty) return
  await client.query(
    `insert into usage_rollups as stored (customer_id, series_id, level, bucket, organization_id, events_count, value_sum)
     select customer_id, series_id, level, bucket, $1, events_count, value_sum
     from unnest($2::integer[], $3::bigint[], $4::smallint[], $5::integer[], $6::bigint[], $7::numeric[])
       as delta (customer_id, series_id, level, bucket, events_count, value_sum)
     on conflict (customer_id, series_id, level, bucket) do update
       set events_count = stored.events_count + excluded.events_count,
         value_sum = stored.value_sum + excluded.value_sum`,
    [organizationId, ...sums.parameters()],
  )
}

async function mergeDistinct(
  client: Statements,
  organizationId: number,
  deltas: readonly RollupDelta[],
): Promise<void> {
  if (deltas.length === 0) return
  await client.query(
    `insert into usage_rollups as stored (customer_id, series_id, level, bucket, organization_id, events_count, value_sum,
       distinct_values, distinct_present)
     select customer_id, series_id, level, bucket, $1, events_count, value_sum, distinct_values, distinct_present
     from unnest($2::integer[], $3::bigint[], $4::smallint[], $5::integer[], $6::bigint[], $7::numeric[], $8::bigint[],
         $9::bigint[])
       as delta (customer_id, series_id, level, bucket, events_count, value_sum, distinct_values, distinct_present)
     on conflict (customer_id, series_id, level, bucket) do update
       set events_count = stored.events_count + excluded.events_count,
         value_sum = stored.value_sum + excluded.value_sum,
         distinct_values = stored.distinct_values + excluded.distinct_values,
         distinct_present = stored.distinct_present + excluded.distinct_present`,
    [
      organizationId,
      ...SumColumns.of(deltas).parameters(),
      deltas.map((delta) => delta.distinctValues),
      deltas.map((delta) => delta.distinctPresent),
    ],
  )
}

async function mergeParts(client: Statements, organizationId: number, deltas: readonly RollupDelta[]): Promise<void> {
  if (deltas.length === 0) return
  await client.query(
    `insert into usage_rollups as stored (customer_id, series_id, level, bucket, organization_id, events_count, value_sum,
       value_max, value_min, value_time_sum, latest_at, latest_arrival, latest_value)
     select customer_id, series_id, level, bucket, $1, events_count, value_sum,
       value_max, value_min, value_time_sum, latest_at, latest_arrival, latest_value
     from unnest($2::integer[], $3::bigint[], $4::smallint[], $5::integer[], $6::bigint[], $7::numeric[],
         $8::numeric[], $9::numeric[], $10::numeric[], $11::timestamptz[], $12::bigint[], $13::numeric[])
       as delta (customer_id, series_id, level, bucket, events_count, value_sum,
         value_max, value_min, value_time_sum, latest_at, latest_arrival, latest_value)
     on conflict (customer_id, series_id, level, bucket) do update
       set events_count = stored.events_count + excluded.events_count,
         value_sum = stored.value_sum + excluded.value_sum,
         value_max = greatest(stored.value_max, excluded.value_max),
         value_min = least(stored.value_min, excluded.value_min),
         value_time_sum = stored.value_time_sum + excluded.value_time_sum,
         (latest_at, latest_arrival, latest_value) = (
           select candidate.at, candidate.arrival, candidate.value
           from (values (stored.latest_at, stored.latest_arrival, stored.latest_value),
                        (excluded.latest_at, excluded.latest_arrival, excluded.latest_value)) as candidate (at, arrival, value)
           order by candidate.at desc nulls last, candidate.arrival desc limit 1)`,
    [
      organizationId,
      ...SumColumns.of(deltas).parameters(),
      deltas.map((delta) => delta.valueMax),
      deltas.map((delta) => delta.valueMin),
      deltas.map((delta) => delta.valueTimeSum),
      deltas.map(({ latest }) => (latest === null ? null : isoOfMicros(latest.atMicros))),
      deltas.map(({ latest }) => latest?.arrival.toString() ?? null),
      deltas.map(({ latest }) => latest?.value.toFixed() ?? null),
    ],
  )
}

/** The columns that every rollup has, each as an array parameter. */
class SumColumns {
  readonly #customerIds: number[] = []
  readonly #seriesIds: string[] = []
  readonly #levels: number[] = []
  readonly #buckets: number[] = []
  readonly #eventsCounts: number[] = []
  readonly #valueSums: string[] = []

  static of(deltas: readonly RollupDelta[]): SumColumns {
    const columns = new SumColumns()
    for (const delta of deltas) columns.add(delta)
    return columns
  }

  get isEmpty(): boolean {
    return this.#customerIds.length === 0
  }

  add(delta: RollupDelta): void {
    this.#customerIds.push(delta.customerId)
    this.#seriesIds.push(delta.seriesId)
    this.#levels.push(delta.level)
    this.#buckets.push(delta.bucket)
    this.#eventsCounts.push(delta.eventsCount)
    this.#valueSums.push(delta.valueSum)
  }

  /** In the order customer, series, level, bucket, count, sum. */
  parameters(): string[] {
    return [this.#customerIds, this.#seriesIds, this.#levels, this.#buckets, this.#eventsCounts, this.#valueSums].map(
      plainArray,
    )
  }
}
