import type { Pool } from 'pg'

/**
 * Where the distinct values of an organization, or what the rollups count of them, differ from plain SQL over its raw
 * events that nobody has corrected, for metrics of a field at the top of the properties: empty when all is right. Of a
 * series that is not exact not all is known.
 */
export async function differingDistinctValues(pool: Pool, organizationId: number): Promise<object[]> {
  const { rows } = await pool.query(
    `with expected as (
       select distinct on (series.customer_id, series_id, value_hash) series.customer_id, series_id, value_hash,
         "timestamp" as last_at, arrival as last_arrival, properties ->> 'operation_type' is distinct from 'remove' as is_present
       from usage_events event
       join billable_metrics metric on metric.event_code = event.code and metric.aggregation = 'unique_count'
       join usage_series series on series.customer_id = event.customer_id and series.billable_metric_id = metric.id
         and series.generation = metric.generation
         and series.external_subscription_id is not distinct from event.external_subscription_id
         and series.dimensions = coalesce(
           (select jsonb_object_agg(key, properties ->> key) from unnest(dimension_keys) key where properties ->> key is not null),
           '{}'),
         lateral (select left(encode(sha256(convert_to(properties ->> metric.field_name, 'UTF8')), 'hex'), 32)::uuid as value_hash) hashed
       where event.organization_id = $1 and properties ->> metric.field_name is not null
         and (event.customer_id, event.event_key) not in (select customer_id, event_key from event_corrections)
       order by 1, 2, 3, "timestamp" desc, arrival desc),
     stored as (
       select customer_id, series_id, value_hash, last_at, last_arrival, is_present from usage_distinct_values
       where organization_id = $1),
     expected_counts as (
       select customer_id, series_id, level, floor(extract(epoch from last_at) / seconds)::integer as bucket,
         count(*) as distinct_values, count(*) filter (where is_present) as distinct_present
       from expected, (values (0, 900), (1, 86400)) as levels (level, seconds) group by 1, 2, 3, 4),
     stored_counts as (
       select customer_id, series_id, level, bucket, distinct_values, distinct_present from usage_rollups
       where organization_id = $1 and (distinct_values <> 0 or distinct_present <> 0))
     select 'value' as what, to_jsonb(value) as found
     from ((select 'missing', * from (select * from expected except select * from stored) missing)
       union all (select 'superfluous', * from (select * from stored except select * from expected) superfluous)) value
     union all
     select 'count', to_jsonb(counts)
     from ((select 'missing', * from (select * from expected_counts except select * from stored_counts) missing)
       union all (select 'superfluous', * from (select * from stored_counts except select * from expected_counts) superfluous)) counts`,
    [organizationId],
  )
  return rows
}
