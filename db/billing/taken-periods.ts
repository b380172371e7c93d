import { sql } from 'kysely'
import type { LateUsagePolicy } from '../../shared/invoicing/late-usage-policy.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'
import { lateUsageOf } from './late-usage-policy.ts'
import { notRebuilding } from './not-rebuilding.ts'

/** A closed period that is compared with what was billed of it. */
export interface TakenPeriod {
  /** The invoice of the period. */
  readonly invoiceId: string
  readonly customerId: number
  readonly subscriptionId: string
  readonly reopenedAt: Temporal.Instant
  readonly periodStart: Temporal.Instant
  readonly periodEnd: Temporal.Instant
  readonly timeZone: string
  /** The policy of its subscription. */
  readonly lateUsage: LateUsagePolicy
}

/**
 * The reopened periods of the subscriptions, oldest first, whose invoice is final and whose policy does not say note. Those of a subscription in `takenOf`
 * lose their mark, before anything is rated: usage that is committed from here on marks them again. None while a metric is
 * being counted anew.
 */
export async function takeReopenedPeriods(
  transaction: OrganizationTransaction,
  organizationId: number,
  { subscriptionIds, takenOf }: { subscriptionIds: readonly string[]; takenOf: readonly string[] },
): Promise<TakenPeriod[]> {
  if (subscriptionIds.length === 0) return []
  const { rows } = await sql<TakenPeriod & { isTaken: boolean; wasThere: boolean }>`
    with reopened as (
      select period.customer_id, period.invoice_id, period.subscription_id, period.reopened_at, invoice.period_start,
        invoice.period_end, invoice.time_zone, ${lateUsageOf('subscription')} as late_usage,
        period.subscription_id = any(${list(takenOf)}::uuid[]) as is_taken
      from reopened_periods period
      join invoices invoice on invoice.customer_id = period.customer_id and invoice.id = period.invoice_id
      join subscriptions subscription on subscription.id = period.subscription_id
      where period.organization_id = ${organizationId} and period.subscription_id = any(${list(subscriptionIds)}::uuid[])
        and invoice.status = 'finalized' and ${lateUsageOf('subscription')} <> 'note' and ${notRebuilding('period')}),
    taken as (
      delete from reopened_periods period using reopened
      where period.customer_id = reopened.customer_id and period.invoice_id = reopened.invoice_id and reopened.is_taken
      returning period.invoice_id)
    select reopened.*, exists (select from taken where taken.invoice_id = reopened.invoice_id) as was_there
    from reopened order by period_start, invoice_id`.execute(transaction)
  // Another transaction may have taken one in the meantime.
  return rows.filter(({ isTaken, wasThere }) => wasThere || !isTaken)
}

/** Puts marks back of what could not be billed whole; what has failed gets its time with it. */
export async function returnReopenedPeriods(
  transaction: OrganizationTransaction,
  organizationId: number,
  periods: readonly (TakenPeriod & { readonly failedAt?: Temporal.Instant })[],
): Promise<void> {
  if (periods.length === 0) return
  await transaction
    .insertInto('reopenedPeriods')
    .values(
      periods.map(({ customerId, invoiceId, subscriptionId, reopenedAt, failedAt }) => ({
        organizationId,
        customerId,
        invoiceId,
        subscriptionId,
        reopenedAt: reopenedAt.toString(),
        billingFailedAt: failedAt?.toString() ?? null,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}
