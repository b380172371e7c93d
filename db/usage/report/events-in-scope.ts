import { type RawBuilder, sql } from 'kysely'
import { isoOfMicros } from '../../../shared/metering/timestamp.ts'
import { list } from '../../list.ts'
import { propertyTextSql } from '../property-sql.ts'
import { notRefused } from '../refused-events.ts'
import type { UsageReportRequest, UsageReportTime } from './usage-report.ts'

/** A half-open range of time; null is without a bound. */
export interface MicrosRange {
  readonly startMicros: number | null
  readonly endMicros: number | null
}

type Sql = RawBuilder<unknown>

/**
 * The raw events of a report as a table `event`: what they are told apart by (`window_index`, `customer_id`,
 * `external_subscription_id`, `groups`) and what they say.
 */
export function eventsInScope(
  organizationId: number,
  { metric, grouping, scope }: UsageReportRequest,
  { borders }: UsageReportTime,
  ranges: readonly MicrosRange[],
): Sql {
  const needsSubscription = grouping.bySubscription || scope.externalSubscriptionIds !== null
  const { customerIds, externalSubscriptionIds, filters } = scope
  const starts = borders.slice(0, -1).map(String)
  const conditions = [
    sql`raw.organization_id = ${organizationId} and raw.code = ${metric.eventCode}`,
    sql`(${sql.join(ranges.map(rangeSql), sql` or `)})`,
    notRefused(organizationId, 'raw', sql`${metric.id}::uuid`),
    ...(customerIds === null ? [] : [sql`raw.customer_id = any(${list(customerIds)}::integer[])`]),
    ...(externalSubscriptionIds === null ? [] : [sql`${SUBSCRIPTION} = any(${list(externalSubscriptionIds)}::text[])`]),
    ...filters.map(
      ({ property, values }) => sql`${propertyTextSql(PROPERTIES, property)} = any(${list(values)}::text[])`,
    ),
  ]
  return sql`(
    select ${starts.length < 2 ? sql`0` : sql`width_bucket(raw."timestamp", ${list(starts)}::timestamptz[]) - 1`} as window_index,
      ${grouping.byCustomer ? sql`raw.customer_id` : sql`null::integer`} as customer_id,
      ${grouping.bySubscription ? SUBSCRIPTION : sql`null::text`} as external_subscription_id,
      array[${sql.join(grouping.properties.map((name) => propertyTextSql(PROPERTIES, name)))}]::text[] as groups,
      raw."timestamp", raw.arrival, raw.amount_minor, raw.properties
    from live_usage_events raw ${needsSubscription ? attributionSql(organizationId, metric.id) : sql``}
    where ${sql.join(conditions, sql` and `)}) event`
}

const PROPERTIES = sql`raw.properties`
const SUBSCRIPTION = sql`coalesce(raw.external_subscription_id, attributed.external_id)`

function rangeSql({ startMicros, endMicros }: MicrosRange): Sql {
  const since = startMicros === null ? sql`true` : sql`raw."timestamp" >= ${isoOfMicros(startMicros)}::timestamptz`
  const until = endMicros === null ? sql`true` : sql`raw."timestamp" < ${isoOfMicros(endMicros)}::timestamptz`
  return sql`(${since} and ${until})`
}

// Who pays for an event that names no subscription: the rule of `attributedRanges`, asked for one instant.
function attributionSql(organizationId: number, metricId: string): Sql {
  return sql`left join lateral (
    select subscription.external_id from subscriptions subscription
    where raw.external_subscription_id is null
      and subscription.organization_id = ${organizationId} and subscription.customer_id = raw.customer_id
      and not subscription.own_events_only and subscription.started_at <= raw."timestamp"
      and (subscription.ended_at is null or raw."timestamp" < subscription.ended_at)
      and exists (select from price_components component
                  where component.organization_id = ${organizationId}
                    and component.plan_version_id = subscription.plan_version_id
                    and component.billable_metric_id = ${metricId}::uuid)
    order by subscription.entered_at <= raw."timestamp" desc,
      case when subscription.entered_at <= raw."timestamp" then subscription.started_at else subscription.entered_at end,
      subscription.started_at, subscription.id
    limit 1) attributed on true`
}
