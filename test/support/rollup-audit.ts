import type { Pool } from 'pg'

/**
 * Where the rollups of customers differ from plain SQL over their raw events without corrected ones, for metrics over the
 * numeric field `v`: empty when all is right. Every event must be usable, and every metric without dimensions.
 */
export async function differingRollups(
  pool: Pool,
  organizationId: number,
  externalCustomerIds: readonly string[],
): Promise<object[]> {
  const { rows } = await pool.query(
    `with asked as (select customer_id from customers where organization_id = $1 and external_id = any($2)),
     live as (
       select event.*, (properties ->> 'v')::numeric as v, extract(epoch from "timestamp") * 1000000 as micros
       from usage_events event
       where customer_id in (select customer_id from asked)
         and (customer_id, event_key) not in (select customer_id, event_key from event_corrections)),
     levels (level, bucket_micros) as (values (0, 900000000), (1, 86400000000)),
     expected as (
       select code_of.code, customer_id, external_subscription_id, level, floor(micros / bucket_micros)::integer as bucket,
         count(*) as events_count,
         case when aggregation in ('count', 'unique_count') then count(*) else sum(v) end as value_sum,
         case when aggregation = 'max' then max(v) end as value_max,
         case when aggregation = 'min' then min(v) end as value_min,
         case when aggregation = 'weighted_sum' then sum(v * micros) end as value_time_sum,
         case when aggregation = 'latest' then (array_agg("timestamp" order by "timestamp" desc, arrival desc))[1] end as latest_at,
         case when aggregation = 'latest' then (array_agg(arrival order by "timestamp" desc, arrival desc))[1] end as latest_arrival,
         case when aggregation = 'latest' then (array_agg(v order by "timestamp" desc, arrival desc))[1] end as latest_value
       from live join billable_metrics code_of on event_code = live.code and code_of.organization_id = $1, levels
       group by code_of.code, aggregation, customer_id, external_subscription_id, level, 5),
     stored as (
       select metric.code, rollup.customer_id, series.external_subscription_id, level, bucket, events_count, value_sum, value_max,
         value_min, value_time_sum, latest_at, latest_arrival, latest_value
       from usage_rollups rollup
       join usage_series series using (customer_id, series_id)
       join billable_metrics metric on metric.id = series.billable_metric_id and metric.generation = series.generation
       where rollup.customer_id in (select customer_id from asked))
     (select 'expected' as what, * from (select * from expected except select * from stored) missing)
     union all
     (select 'stored' as what, * from (select * from stored except select * from expected) superfluous)
     order by 2, 3, 4, 5, 6, 1`,
    [organizationId, externalCustomerIds],
  )
  return rows
}
