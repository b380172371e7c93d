import { type RawBuilder, sql } from 'kysely'
import { DAY, QUARTERS_PER_DAY, quarterHourFrom } from '../../../shared/metering/buckets.ts'
import { microsOfInstant } from '../../../shared/metering/timestamp.ts'
import type { LeveledRange } from '../../../shared/metering/window-buckets.ts'
import type { OrganizationTransaction } from '../../connection.ts'
import { list } from '../../list.ts'
import type { UsageMetric } from '../usage-question.ts'
import { type PieceRow, pieceOf } from './piece-row.ts'
import { refuseRows } from './report-limits.ts'
import type { UsagePiece, UsageReportLimits, UsageReportRequest, UsageReportTime } from './usage-report.ts'

/**
 * Adds up rollups: one piece per group and window. Properties must be among the metric's dimensions, and subscriptions
 * are not told apart.
 */
export async function sumRollups(
  transaction: OrganizationTransaction,
  organizationId: number,
  { metric, grouping, scope }: UsageReportRequest,
  { time, ranges, limits }: { time: UsageReportTime; ranges: readonly LeveledRange[]; limits: UsageReportLimits },
): Promise<UsagePiece[]> {
  if (ranges.length === 0) return []
  const starts = time.borders.slice(0, -1).map((border) => quarterHourFrom(microsOfInstant(border)))
  const { customerIds, filters } = scope
  const conditions = [
    sql`series.organization_id = ${organizationId} and rollup.organization_id = ${organizationId}`,
    sql`series.billable_metric_id = ${metric.id}::uuid and series.generation = ${metric.generation}`,
    ...(customerIds === null ? [] : [sql`series.customer_id = any(${list(customerIds)}::integer[])`]),
    ...filters.map(({ property, values }) => sql`${dimensionSql(metric, property)} = any(${list(values)}::text[])`),
  ]
  const { rows } = await sql<PieceRow>`
    select window_index, customer_id, null as external_subscription_id, groups, sum(events_count)::text as events_count,
      sum(value_sum)::text as value_sum, max(value_max)::text as value_max, min(value_min)::text as value_min,
      sum(value_time_sum)::text as value_time_sum,
      max(array[extract(epoch from latest_at) * 1000000, latest_arrival, latest_value])
        filter (where latest_at is not null)::text[] as latest,
      null as first_seen, null as last_seen
    from (
      select ${grouping.byCustomer ? sql`series.customer_id` : sql`null::integer`} as customer_id,
        width_bucket(rollup.bucket * asked.quarters, ${list(starts)}::integer[]) - 1 as window_index,
        array[${sql.join(grouping.properties.map((property) => dimensionSql(metric, property)))}]::text[] as groups,
        events_count, value_sum, value_max, value_min, value_time_sum, latest_at, latest_arrival, latest_value
      from unnest(${list(ranges.map((range) => range.level))}::smallint[],
                  ${list(ranges.map((range) => (range.level === DAY ? QUARTERS_PER_DAY : 1)))}::integer[],
                  ${list(ranges.map((range) => range.from))}::integer[],
                  ${list(ranges.map((range) => range.to))}::integer[])
        as asked (level, quarters, first_bucket, end_bucket)
      cross join usage_series series
      cross join lateral (
        select * from usage_rollups
        where customer_id = series.customer_id and series_id = series.series_id
          and level = asked.level and bucket >= asked.first_bucket and bucket < asked.end_bucket
        -- Looked up by the whole key: otherwise the planner reads all buckets that a series ever had.
        offset 0) rollup
      where ${sql.join(conditions, sql` and `)}
    ) found
    group by window_index, customer_id, groups
    limit ${limits.rows + 1}`.execute(transaction)
  refuseRows(rows.length, limits)
  return rows.map(pieceOf)
}

/** Whether the rollups of a metric tell the values of a property apart. */
export function hasDimension(metric: UsageMetric, property: string): boolean {
  return findDimension(metric, property) !== undefined
}

function dimensionSql(metric: UsageMetric, property: string): RawBuilder<unknown> {
  return sql`coalesce(series.dimensions ->> ${findDimension(metric, property) ?? property}::text, '')`
}

function findDimension({ dimensionKeys }: UsageMetric, property: string): string | undefined {
  return dimensionKeys.find((key) => plainPath(key) === plainPath(property))
}

function plainPath(fieldName: string): string {
  return fieldName.startsWith('$.') ? fieldName.slice(2) : fieldName
}
