import { sql } from 'kysely'
import type { DueBill } from '../../shared/invoicing/due-bill.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { reconsiderNotes } from './reconsidered-notes.ts'

/** Moves subscriptions on to the period after their bill. */
export async function advanceSubscriptions(
  transaction: OrganizationTransaction,
  organizationId: number,
  advances: readonly { readonly subscriptionId: string; readonly customerId: number; readonly next: DueBill['next'] }[],
): Promise<void> {
  if (advances.length === 0) return
  const rows = advances.map(({ subscriptionId, customerId, next }) => ({
    id: subscriptionId,
    customer_id: customerId,
    current_period_start: next.currentPeriodStart,
    current_period_end: next.currentPeriodEnd,
    next_billing_at: next.nextBillingAt,
    time_zone: next.timeZone,
  }))
  await sql`
    update subscriptions set current_period_start = advance.current_period_start,
      current_period_end = advance.current_period_end, next_billing_at = advance.next_billing_at,
      time_zone = advance.time_zone, billing_failed_at = null, updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as advance (id uuid, customer_id integer, current_period_start timestamptz, current_period_end timestamptz, next_billing_at timestamptz,
        time_zone text)
    where subscriptions.id = advance.id and subscriptions.customer_id = advance.customer_id
      and subscriptions.organization_id = ${organizationId}`.execute(transaction)
  const billedLast = advances.filter(({ next }) => next.nextBillingAt === null)
  if (billedLast.length === 0) return
  const subscriptionIds = billedLast.map(({ subscriptionId }) => subscriptionId)
  await reconsiderNotes(transaction, organizationId, { subscriptionIds })
}
