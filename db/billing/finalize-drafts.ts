import { assert } from '../../shared/errors.ts'
import { findFrozenTime, realNow } from '../clock.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { type DraftsOfCustomers, finalizeInvoices, lockDrafts } from './finalize-invoices.ts'
import { refreshDrafts } from './refresh-drafts.ts'

/**
 * Finalizes drafts: rates their usage one last time, then fixes them. With `onlyDue`, those whose grace period is over;
 * what is no draft any more is left alone. Answers with the number finalized.
 */
export async function finalizeDrafts(
  transaction: OrganizationTransaction,
  { onlyDue, ...asked }: DraftsOfCustomers & { readonly onlyDue: boolean },
): Promise<number> {
  const { organizationId } = asked
  const frozenTime = await findFrozenTime(transaction, organizationId)
  const now = frozenTime ?? realNow()
  const drafts = await lockDrafts(transaction, { ...asked, dueBy: onlyDue ? now : undefined })
  if (drafts.length === 0) return 0
  const totals = await refreshDrafts(transaction, organizationId, drafts)
  await finalizeInvoices(
    transaction,
    organizationId,
    drafts.map(({ id, customerId, issuerId, currency, finalizeAt }) => {
      const total = totals.get(id)
      assert(total !== undefined, `draft ${id} has no totals`)
      // On a test clock months pass in one step; each invoice is finalized when its grace period ended.
      const finalizedAt = onlyDue && frozenTime !== undefined ? (finalizeAt ?? now) : now
      return { invoiceId: id, customerId, issuerId, currency, totalMinor: total.totalMinor, finalizedAt }
    }),
  )
  return drafts.length
}
