import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'

/** Whose reopened periods: of subscriptions, of a plan in all its versions, or of everybody. */
export type ReconsideredNotes = { readonly subscriptionIds: readonly string[] } | { readonly planId: string } | 'all'

/**
 * Has reopened periods looked at for a note from now on, because no next invoice may bill them any more. One that waits for
 * its invoice all the same is looked at in vain until that comes.
 */
export async function reconsiderNotes(
  transaction: OrganizationTransaction,
  organizationId: number,
  whose: ReconsideredNotes,
): Promise<void> {
  await sql`
    update reopened_periods period set awaits_invoice = false
    where organization_id = ${organizationId} and awaits_invoice and ${conditionOf(whose)}`.execute(transaction)
}

function conditionOf(whose: ReconsideredNotes) {
  if (whose === 'all') return sql`true`
  if ('subscriptionIds' in whose) return sql`subscription_id = any(${list(whose.subscriptionIds)}::uuid[])`
  return sql`subscription_id in (
    select subscription.id from subscriptions subscription
    join plan_versions version on version.id = subscription.plan_version_id where version.plan_id = ${whose.planId})`
}
