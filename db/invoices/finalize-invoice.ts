import { AppError } from '../../shared/errors.ts'
import { finalizeDrafts } from '../billing/finalize-drafts.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { type Invoice, requireInvoice } from './invoices.ts'

/** Ends the grace period of a draft now: its usage is rated a last time, and it gets its number. */
export async function finalizeInvoice(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<Invoice> {
  const { customerId } = await requireInvoice(transaction, organizationId, id)
  await lockInvoice(transaction, organizationId, { customerId, id })
  const { status } = await requireInvoice(transaction, organizationId, id)
  if (status !== 'draft') throw new AppError('invoice_not_draft', `invoice ${id} is ${status} already`)
  await finalizeDrafts(transaction, { organizationId, customerIds: [customerId], invoiceIds: [id], onlyDue: false })
  return await requireInvoice(transaction, organizationId, id)
}

// Waits for a worker that is about to finalize the same draft, instead of passing it over.
async function lockInvoice(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, id }: { customerId: number; id: string },
): Promise<void> {
  await transaction
    .selectFrom('invoices')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .where('id', '=', id)
    .forUpdate()
    .execute()
}
