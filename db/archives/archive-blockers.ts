import type { Statements } from '../statements.ts'
import { boundsOfMonth, partitionOfMonth, type UsageMonth } from './usage-month.ts'

/**
 * Why the raw events of a month cannot leave the database yet, as sentences; empty when they can. Whatever may still have to
 * be read event by event without anybody asking for it keeps them.
 */
export async function listArchiveBlockers(client: Statements, month: UsageMonth): Promise<readonly string[]> {
  const { start, end } = boundsOfMonth(month)
  const bounds = [start.toString(), end.toString()]
  const { rows } = await client.query<{ reason: string }>(blockersSql(partitionOfMonth(month)), bounds)
  return rows.map(({ reason }) => reason)
}

const MOST_PER_REASON = 5

// Each select says of an organization or customer that has events in the partition what is in the way.
function blockersSql(partition: string): string {
  const used = (customerId: string) => `exists (select from ${partition} event where event.customer_id = ${customerId})`
  return `
  (select format('%s is not over', to_char($1::timestamptz at time zone 'UTC', 'YYYY-MM')) as reason
   where $2::timestamptz > now())
  union all
  (select format('for organization %s, whose test clock stands at %s, it is not over', organization.name,
     clock.frozen_time)
   from test_clocks clock join organizations organization using (organization_id)
   where clock.frozen_time < $2 and exists (select from ${partition} event where event.organization_id = clock.organization_id)
   limit ${MOST_PER_REASON})
  union all
  (select format('subscription %s of customer %s has a period that runs since %s', subscription.external_id,
     customer.external_id, subscription.current_period_start)
   from subscriptions subscription join customers customer using (customer_id)
   where subscription.current_period_start < $2 and subscription.current_period_end > $1 and ${used('subscription.customer_id')}
   limit ${MOST_PER_REASON})
  union all
  (select format('invoice %s of customer %s is a draft', invoice.id, customer.external_id)
   from invoices invoice join customers customer using (customer_id)
   where invoice.status = 'draft' and invoice.period_start < $2 and invoice.period_end > $1 and ${used('invoice.customer_id')}
   limit ${MOST_PER_REASON})
  union all
  (select format('the period of invoice %s has late usage that is not billed yet%s', invoice.id,
     case when exists (select from archived_usage archived where archived.organization_id = reopened.organization_id
                         and archived.month = ($1::timestamptz at time zone 'UTC')::date)
       then ', perhaps because it takes the events of the month that are archived: restore them' else '' end)
   from reopened_periods reopened join invoices invoice on invoice.id = reopened.invoice_id
   where invoice.period_start < $2 and invoice.period_end > $1 limit ${MOST_PER_REASON})
  union all
  (select format('usage of customer %s has changed and was not looked at yet', customer.external_id)
   from touched_customers touched join customers customer using (customer_id)
   where coalesce(touched.earliest_at, '-infinity') < $2 and ${used('touched.customer_id')}
   limit ${MOST_PER_REASON})
  union all
  (select format('event %s of customer %s is not processed: %s', entry.transaction_id, customer.external_id, entry.reason)
   from unprocessed_events entry join customers customer using (customer_id)
   where entry."timestamp" >= $1 and entry."timestamp" < $2
     and entry.reason not in ('duplicate_conflict', 'period_closed', 'subscription_not_running')
   limit ${MOST_PER_REASON})
  union all
  (select format('the events of metric %s are being counted anew', code) from billable_metrics metric
   where rebuild_cursor is not null
     and exists (select from ${partition} event
       where event.organization_id = metric.organization_id and event.code = metric.event_code)
   limit ${MOST_PER_REASON})
  union all
  (select format('metric %s carries single events over from every month', code) from billable_metrics metric
   where recurring and aggregation in ('unique_count', 'custom')
     and exists (select from ${partition} event
       where event.organization_id = metric.organization_id and event.code = metric.event_code)
   limit ${MOST_PER_REASON})`
}
