import type { CountedMetric } from '../../shared/metering/count-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { prepared } from '../prepared-statements.ts'
import type { Statements } from '../statements.ts'
import type { CountableEvent } from './usage-events.ts'

/** The metrics that refuse an event because the periods that could bill it are closed, by the event. */
export type RefusedUsage<Event> = ReadonlyMap<Event, ReadonlySet<string>>

/** SQL that says whether late usage is refused anywhere in the organization `$1`; a look at two small tables. */
export const REFUSES_LATE_USAGE = `(exists (select from organizations where organization_id = $1 and late_usage = 'refuse')
  or exists (select from plans where organization_id = $1 and late_usage = 'refuse'))`

/** Whether late usage is refused anywhere in the organization. */
export async function refusesLateUsage(client: Statements, organizationId: number): Promise<boolean> {
  const { rows } = await client.query<{ refuses: boolean }>(`select ${REFUSES_LATE_USAGE} as refuses`, [organizationId])
  return rows[0]?.refuses === true
}

/**
 * Which of the events are refused by which of the metrics that read them: the subscription that pays for it refuses late
 * usage and has a final invoice of the event's period, and where the metric is recurring no later period that is open counts
 * the event as well. What becomes final only now is not refused; it is found by comparison and billed by the next invoice.
 */
export async function findRefusedUsage<Event extends CountableEvent>(
  client: Statements,
  organizationId: number,
  { events, metrics }: { events: readonly Event[]; metrics: ReadonlyMap<string, readonly CountedMetric[]> },
): Promise<RefusedUsage<Event>> {
  const asked = events.flatMap((event) =>
    (metrics.get(event.event.code) ?? []).map(({ id }) => ({ event, metricId: id })),
  )
  if (asked.length === 0) return new Map()
  const { rows } = await client.query<{ position: string }>(REFUSED, [
    organizationId,
    asked.map(({ event }) => event.customerId),
    asked.map(({ metricId }) => metricId),
    asked.map(({ event }) => event.event.externalSubscriptionId),
    asked.map(({ event }) => isoOfMicros(event.event.timestampMicros)),
  ])
  const refused = new Map<Event, Set<string>>()
  for (const { position } of rows) {
    const found = asked[Number(position) - 1]
    if (found !== undefined) refused.getOrInsertComputed(found.event, () => new Set()).add(found.metricId)
  }
  return refused
}

// Only what is older than a running period, or an end, can be late, and nearly nothing is: nothing else is looked at. What
// names only the customer is paid by one subscription, in the order of `attributedRanges`; what names a subscription by
// every one of that name. Only the latter carries over to a later subscription.
const REFUSED = prepared(
  `with closed as materialized (
     select customer_id, max(coalesce(current_period_start, ended_at)) as closed_before
     from subscriptions where organization_id = $1 and customer_id = any ($2::integer[])
     group by customer_id),
   late as materialized (
     select asked.customer_id, asked.metric_id, asked.external_id, asked.at, asked.position
     from unnest($2::integer[], $3::uuid[], $4::text[], $5::timestamptz[]) with ordinality
       as asked (customer_id, metric_id, external_id, at, position)
     join closed on closed.customer_id = asked.customer_id and closed.closed_before > asked.at),
   payer as materialized (
     select late.customer_id, late.metric_id, late.external_id, late.at, late.position, subscription.id,
       subscription.plan_version_id, row_number() over (partition by late.position
         order by greatest(subscription.entered_at, late.at), subscription.started_at, subscription.id) as place
     from late
     join subscriptions subscription on subscription.organization_id = $1
       and subscription.customer_id = late.customer_id and subscription.started_at <= late.at
       and (subscription.ended_at is null or subscription.ended_at > late.at)
       and case when late.external_id is null then not subscription.own_events_only
           else subscription.external_id = late.external_id end
     where exists (select from price_components component
       where component.plan_version_id = subscription.plan_version_id and component.billable_metric_id = late.metric_id))
   select payer.position
   from payer
   join plan_versions version on version.id = payer.plan_version_id
   join plans plan on plan.id = version.plan_id
   join organizations organization on organization.organization_id = $1
   join billable_metrics metric on metric.id = payer.metric_id
   where payer.place = 1 or payer.external_id is not null
   group by payer.position
   having bool_and(coalesce(plan.late_usage, organization.late_usage) = 'refuse' and exists (
     select from invoices invoice
     where invoice.customer_id = payer.customer_id and invoice.subscription_id = payer.id
       and invoice.kind = 'subscription_cycle' and invoice.status = 'finalized' and invoice.holds_claim
       and invoice.period_start <= payer.at and invoice.period_end > payer.at)
     and not (metric.recurring and exists (
       select from subscriptions carrying
       where carrying.organization_id = $1 and carrying.customer_id = payer.customer_id
         and (carrying.id = payer.id or carrying.external_id = payer.external_id)
         and (carrying.ended_at is null or carrying.ended_at > payer.at)
         and exists (select from price_components component
           where component.plan_version_id = carrying.plan_version_id and component.billable_metric_id = payer.metric_id)
         and (carrying.next_billing_at is not null or carrying.status = 'pending_activation' or exists (
           select from invoices draft
           where draft.customer_id = payer.customer_id and draft.subscription_id = carrying.id
             and draft.kind = 'subscription_cycle' and draft.status = 'draft' and draft.period_end > payer.at)))))`,
)
