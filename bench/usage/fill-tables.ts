import type { Pool } from 'pg'
import { ensureUsagePartitions } from '../../db/usage/partitions.ts'
import { EVENT_CODE, METRICS, NOW, PERIOD } from './bench-metrics.ts'
import { LARGE, SMALL } from './open-customers.ts'
import type { UsageOptions } from './usage-options.ts'

/** Events of the small customer. */
export const SMALL_EVENTS = 10_000
const EVENTS_OF_OTHERS = 100

/**
 * Writes what ingestion would have left behind, set by set: raw events spread over the period, and their rollups.
 * `bench_drawn` keeps what was drawn, to check the answers against.
 */
export async function fillTables(pool: Pool, organizationId: number, options: UsageOptions): Promise<void> {
  await ensureUsagePartitions(pool, [PERIOD.start.slice(0, 7)])
  await pool.query(
    `insert into customers (organization_id, external_id) select $1, 'other-' || number from generate_series(1, $2) number`,
    [organizationId, options.customers],
  )
  await drawEvents(pool, organizationId, options)
  await pool.query(
    `insert into usage_events (customer_id, organization_id, "timestamp", event_key, received_at, code, source,
       transaction_id, arrival, properties)
     select customer_id, $1, at, md5(customer_id || '/' || arrival)::uuid, at, $2, 'bench', 'call-' || arrival, arrival,
       jsonb_build_object('tokens', tokens, 'change', change, 'account', account, 'model', model)
     from bench_drawn`,
    [organizationId, EVENT_CODE],
  )
  for (const { code, isGrouped } of METRICS) await createSeries(pool, organizationId, { code, isGrouped })
  for (const metric of METRICS) await rollUp(pool, organizationId, metric)
  for (const { code, isGrouped, keeps } of METRICS) {
    if (keeps.includes('distinct')) await countDistinct(pool, organizationId, { code, isGrouped })
  }
  await sumDays(pool, organizationId)
  await pool.query('vacuum analyze')
  await pool.query('checkpoint')
}

async function drawEvents(pool: Pool, organizationId: number, { events, distinctValues }: UsageOptions): Promise<void> {
  await pool.query(
    `create unlogged table bench_drawn as
     select customer_id, number as arrival, number % 1000 + 1 as tokens, number % 7 - 2 as change,
       'account-' || number * 7919 % accounts as account, (array['large', 'small', 'tiny'])[1 + number % 3] as model,
       '${PERIOD.start}'::timestamptz + number * (('${NOW}'::timestamptz - '${PERIOD.start}'::timestamptz) / (events + 1)) as at
     from (select customer_id, case external_id when '${LARGE}' then $2::bigint when '${SMALL}' then $3 else $4 end as events,
             case external_id when '${LARGE}' then $5::bigint else $6 end as accounts
           from customers where organization_id = $1) customer,
       generate_series(1, events) number`,
    [organizationId, events, SMALL_EVENTS, EVENTS_OF_OTHERS, distinctValues, SMALL_EVENTS / 10],
  )
  await pool.query('create index on bench_drawn (customer_id)')
  await pool.query('analyze bench_drawn')
}

async function createSeries(
  pool: Pool,
  organizationId: number,
  { code, isGrouped }: { code: string; isGrouped: boolean },
): Promise<void> {
  const dimensions = isGrouped
    ? `unnest(array['{"model": "large"}', '{"model": "small"}', '{"model": "tiny"}']::jsonb[])`
    : `'{}'::jsonb`
  await pool.query(
    `insert into usage_series (organization_id, customer_id, billable_metric_id, generation, dimensions)
     select $1, customer_id, metric.id, metric.generation, ${dimensions}
     from customers customer, billable_metrics metric
     where customer.organization_id = $1 and metric.organization_id = $1 and metric.code = $2`,
    [organizationId, code],
  )
}

const QUARTER_HOUR = 'floor(extract(epoch from at) / 900)::integer'

async function rollUp(
  pool: Pool,
  organizationId: number,
  { code, isGrouped, value, keeps }: (typeof METRICS)[number],
): Promise<void> {
  const max = keeps.includes('max') ? `max(${value})` : 'null::numeric'
  const timeSum = keeps.includes('timeSum') ? `sum(${value} * extract(epoch from at) * 1000000)` : 'null::numeric'
  await pool.query(
    `insert into usage_rollups (customer_id, series_id, level, bucket, organization_id, events_count, value_sum, value_max,
       value_time_sum)
     select drawn.customer_id, series_id, 0, ${QUARTER_HOUR}, $1, count(*), sum(${value}), ${max}, ${timeSum}
     from bench_drawn drawn
     join usage_series series on series.customer_id = drawn.customer_id
       and series.billable_metric_id = (select id from billable_metrics where organization_id = $1 and code = $2)
       ${isGrouped ? `and series.dimensions ->> 'model' = drawn.model` : ''}
     group by drawn.customer_id, series_id, ${QUARTER_HOUR}`,
    [organizationId, code],
  )
}

async function countDistinct(
  pool: Pool,
  organizationId: number,
  { code, isGrouped }: { code: string; isGrouped: boolean },
): Promise<void> {
  await pool.query(
    `with last_seen as (
       insert into usage_distinct_values (customer_id, series_id, value_hash, organization_id, last_at, last_arrival, is_present)
       select drawn.customer_id, series_id, left(encode(sha256(account::bytea), 'hex'), 32)::uuid, $1, max(at), max(arrival), true
       from bench_drawn drawn
       join usage_series series on series.customer_id = drawn.customer_id
         and series.billable_metric_id = (select id from billable_metrics where organization_id = $1 and code = $2)
         ${isGrouped ? `and series.dimensions ->> 'model' = drawn.model` : ''}
       group by drawn.customer_id, series_id, account
       returning customer_id, series_id, floor(extract(epoch from last_at) / 900)::integer as bucket),
     counted as (select customer_id, series_id, bucket, count(*) as values from last_seen group by 1, 2, 3)
     update usage_rollups rollup set distinct_values = values, distinct_present = values
     from counted
     where rollup.customer_id = counted.customer_id and rollup.series_id = counted.series_id and rollup.level = 0
       and rollup.bucket = counted.bucket`,
    [organizationId, code],
  )
}

async function sumDays(pool: Pool, organizationId: number): Promise<void> {
  await pool.query(
    `insert into usage_rollups (customer_id, series_id, level, bucket, organization_id, events_count, value_sum, value_max,
       value_time_sum, distinct_values, distinct_present)
     select customer_id, series_id, 1, bucket / 96, $1, sum(events_count), sum(value_sum), max(value_max), sum(value_time_sum),
       sum(distinct_values), sum(distinct_present)
     from usage_rollups where organization_id = $1 and level = 0
     group by customer_id, series_id, bucket / 96`,
    [organizationId],
  )
}
