import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import type { TouchedCustomer } from '../usage/touched-customers.ts'

/**
 * Marks every billed period of the customers that ends after the usage that has changed: later ones as well, because some
 * metrics carry over. A period whose invoice is a draft is marked too, which finalizing the draft takes back: so nothing is
 * lost where usage is committed just between its last rating and its end. Only what has usage on its bill.
 */
export async function reopenPeriods(
  transaction: OrganizationTransaction,
  organizationId: number,
  { touched, reopenedAt }: { touched: readonly TouchedCustomer[]; reopenedAt: Temporal.Instant },
): Promise<void> {
  const since = touched.flatMap(({ customerId, earliestAt }) =>
    earliestAt === null ? [] : [{ customerId, earliestAt }],
  )
  if (since.length === 0) return
  await runPrepared(transaction, REOPEN, [
    organizationId,
    since.map(({ customerId }) => customerId),
    since.map(({ earliestAt }) => earliestAt.toString()),
    reopenedAt.toString(),
  ])
}

// The lists come from selects, so that a plan that knows their values is no better than one that does not, and is not made.
const REOPEN = prepared(
  `insert into reopened_periods (customer_id, invoice_id, organization_id, subscription_id, reopened_at, awaits_invoice)
   select invoice.customer_id, invoice.id, $1, invoice.subscription_id, $4::timestamptz,
     subscription.next_billing_at is not null and coalesce(plan.late_usage, organization.late_usage) <> 'note'
   from unnest((select $2::integer[]), (select $3::timestamptz[])) as touched (customer_id, earliest_at)
   join subscriptions subscription on subscription.customer_id = touched.customer_id and subscription.organization_id = $1
     -- Usage of the running period, as nearly all is, has changed no other.
     and (subscription.current_period_start is null or subscription.current_period_start > touched.earliest_at)
   join invoices invoice on invoice.subscription_id = subscription.id and invoice.kind = 'subscription_cycle'
     and invoice.holds_claim and invoice.period_end > touched.earliest_at
   join plan_versions version on version.id = subscription.plan_version_id
   join plans plan on plan.id = version.plan_id
   join organizations organization on organization.organization_id = subscription.organization_id
   where exists (select from price_components component
     where component.plan_version_id = subscription.plan_version_id and component.kind = 'usage')
   order by invoice.customer_id, invoice.id
   -- Whoever bills the subscription for the last time, or changes the policy, finds these marks or is seen here.
   for share of subscription, plan, organization
   on conflict do nothing`,
)

/** The same for customers whose mark of changed usage nobody has taken yet; the mark stays. */
export async function reopenPeriodsOfTouched(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerIds, reopenedAt }: { customerIds: readonly number[] | 'all'; reopenedAt: Temporal.Instant },
): Promise<void> {
  if (customerIds.length === 0) return
  const touched = await transaction
    .selectFrom('touchedCustomers')
    .select(['customerId', 'earliestAt'])
    .where('organizationId', '=', organizationId)
    .$if(customerIds !== 'all', (query) => query.where('customerId', 'in', [...new Set(customerIds as number[])]))
    .execute()
  await reopenPeriods(transaction, organizationId, { touched, reopenedAt })
}

/**
 * Waits for bills that are being written of periods whose usage has changed, and lets none begin until this transaction
 * ends: it would be neither in the bill nor find the invoice to mark. Where nothing is due nothing is held.
 */
export async function awaitDueBills(
  transaction: OrganizationTransaction,
  organizationId: number,
  { touched, now }: { touched: readonly TouchedCustomer[]; now: Temporal.Instant },
): Promise<void> {
  if (touched.length === 0) return
  // Another machine's clock may be a little ahead.
  const dueBy = now.add({ minutes: 1 })
  await sql`
    select from subscriptions
    join unnest(${list(touched.map(({ customerId }) => customerId))}::integer[],
                ${list(touched.map(({ earliestAt }) => earliestAt?.toString() ?? null))}::timestamptz[])
      as touched (customer_id, earliest_at) using (customer_id)
    where organization_id = ${organizationId} and next_billing_at <= ${dueBy.toString()}::timestamptz
      and current_period_end > touched.earliest_at
    order by id for share of subscriptions`.execute(transaction)
}

/** Takes back the marks of the invoices: what they bill is about to be rated. */
export async function closePeriods(
  transaction: OrganizationTransaction,
  organizationId: number,
  invoices: readonly { readonly id: string; readonly customerId: number }[],
): Promise<void> {
  if (invoices.length === 0) return
  await sql`
    delete from reopened_periods using unnest(${list(invoices.map(({ customerId }) => customerId))}::integer[],
      ${list(invoices.map(({ id }) => id))}::uuid[]) as closed (customer_id, invoice_id)
    where reopened_periods.customer_id = closed.customer_id and reopened_periods.invoice_id = closed.invoice_id
      and reopened_periods.organization_id = ${organizationId}`.execute(transaction)
}
