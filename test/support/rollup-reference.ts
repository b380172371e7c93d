import type { Pool } from 'pg'

/**
 * Every rollup that is not what plain SQL over the raw events that nobody has corrected says, as text: the independent reference of what `verify`
 * finds. For metrics of numbers in a field at the top of the properties, whose events all have it.
 */
export async function findRollupFaults(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<[string]>({ text: ROLLUPS_AND_EVENTS, rowMode: 'array' })
  return rows.map(([line]) => line)
}

const ROLLUPS_AND_EVENTS = `
  with valued as (
    select event.customer_id, event.external_subscription_id, event."timestamp" as at, event.arrival, metric.id as metric_id,
      metric.aggregation, unit.level, floor(extract(epoch from event."timestamp") / unit.seconds)::integer as bucket,
      case when metric.aggregation in ('count', 'unique_count') then 1
        else (event.properties ->> metric.field_name)::numeric end as value,
      (select coalesce(jsonb_object_agg(key, event.properties ->> key) filter (where event.properties ? key), '{}')
       from unnest(metric.dimension_keys) key) as dimensions
    from usage_events event
    join billable_metrics metric on metric.organization_id = event.organization_id and metric.event_code = event.code
    cross join (values (0, 900), (1, 86400)) unit (level, seconds)
    where (event.customer_id, event.event_key) not in (select customer_id, event_key from event_corrections)),
  summed as (
    select customer_id, metric_id, external_subscription_id, dimensions, level, bucket, count(*) as events_count,
      sum(value) as value_sum, max(value) filter (where aggregation = 'max') as value_max,
      min(value) filter (where aggregation = 'min') as value_min,
      sum(value * extract(epoch from at) * 1000000) filter (where aggregation = 'weighted_sum') as value_time_sum,
      (array_agg(value order by at desc, arrival desc) filter (where aggregation = 'latest'))[1] as latest_value
    from valued group by 1, 2, 3, 4, 5, 6),
  stored as (
    select rollup.*, series.billable_metric_id as metric_id, series.external_subscription_id, series.dimensions
    from usage_rollups rollup left join usage_series series using (customer_id, series_id))
  select format('%s %s %s level %s bucket %s', coalesce(stored.customer_id, summed.customer_id), metric.code,
    coalesce(stored.dimensions, summed.dimensions), coalesce(stored.level, summed.level), coalesce(stored.bucket, summed.bucket))
  from summed full join stored on stored.customer_id = summed.customer_id and stored.metric_id = summed.metric_id
    and coalesce(stored.external_subscription_id, '') = coalesce(summed.external_subscription_id, '')
    and stored.dimensions = summed.dimensions and stored.level = summed.level and stored.bucket = summed.bucket
  left join billable_metrics metric on metric.id = coalesce(stored.metric_id, summed.metric_id)
  where (stored.events_count, stored.value_sum, stored.value_max, stored.value_min, stored.value_time_sum, stored.latest_value)
    is distinct from
      (summed.events_count, summed.value_sum, summed.value_max, summed.value_min, summed.value_time_sum, summed.latest_value)`
