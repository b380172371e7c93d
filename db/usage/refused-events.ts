import { type RawBuilder, sql } from 'kysely'

/**
 * Whether a raw event counts for a metric as far as refusal goes; for queries that read raw events under the name given. Where
 * nothing of the organization was ever refused, the first half answers for all events at once.
 */
export function notRefused(organizationId: number, event: string, metricId: RawBuilder<unknown>): RawBuilder<boolean> {
  const [before, between, after] = piecesOf(event).map((piece) => sql.raw(piece))
  return sql`${before}${organizationId}${between}${metricId}${after}`
}

/** The same as text; `organization` and `metric` are expressions. */
export function notRefusedText(organization: string, event: string, metric: string): string {
  const [before, between, after] = piecesOf(event)
  return `${before}${organization}${between}${metric}${after}`
}

function piecesOf(event: string) {
  return [
    `(not exists (select from unprocessed_events any_refused
      where any_refused.reason = 'period_closed' and any_refused.organization_id = `,
    `) or not exists (select from unprocessed_events refused
      where refused.customer_id = ${event}.customer_id and refused.event_key = ${event}.event_key
        and refused.reason = 'period_closed' and refused.billable_metric_id = `,
    '))',
  ] as const
}
