import { type RawBuilder, sql } from 'kysely'

/**
 * Whether a raw event counts for a metric as far as refusal goes; for queries that read raw events under the name given. Where
 * nothing of the organization was ever refused, the first half answers for all events at once.
 */
export function notRefused(organizationId: number, event: string, metricId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`(not exists (select from unprocessed_events any_refused
      where any_refused.organization_id = ${organizationId} and any_refused.reason = 'period_closed')
    or not exists (select from unprocessed_events refused
      where refused.customer_id = ${sql.ref(`${event}.customer_id`)} and refused.event_key = ${sql.ref(`${event}.event_key`)}
        and refused.billable_metric_id = ${metricId} and refused.reason = 'period_closed'))`
}
