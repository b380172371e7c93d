import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'

/** A line that bills usage of a period, or corrects what was billed of it. */
export interface BillingLine {
  readonly id: string
  readonly kind: string
  /** The invoice of the period. */
  readonly periodInvoiceId: string
  /** The document that the line stands on. */
  readonly documentId: string
  readonly document: 'invoice' | 'credit_note'
  readonly number: string | null
  readonly status: 'draft' | 'finalized' | 'voided'
  readonly componentId: string
  readonly filterId: string | null
  readonly groupedBy: Readonly<Record<string, string | null>>
}

/** The usage lines of invoices, and those of other documents that correct them, in order of their documents. */
export async function listBillingLines(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, invoiceIds }: { readonly customerId: number; readonly invoiceIds: readonly string[] },
): Promise<readonly BillingLine[]> {
  if (invoiceIds.length === 0) return []
  const { rows } = await sql<BillingLine>`
    select line.id, line.kind, coalesce(line.corrects_invoice_id, invoice.id) as period_invoice_id,
      invoice.id as document_id, 'invoice' as document, invoice.number, invoice.status,
      line.price_component_id as component_id, line.charge_filter_id as filter_id, line.grouped_by, invoice.issued_at
    from invoice_lines line join invoices invoice on invoice.customer_id = line.customer_id and invoice.id = line.invoice_id
    where line.organization_id = ${organizationId} and line.customer_id = ${customerId}
      and ((line.kind = 'usage' and invoice.id = any(${invoiceIds}::uuid[]))
        or (line.corrected_kind = 'usage' and line.corrects_invoice_id = any(${invoiceIds}::uuid[])))
    union all
    select line.id, line.kind, line.corrects_invoice_id, note.id, 'credit_note', note.number, 'finalized',
      line.price_component_id, line.charge_filter_id, line.grouped_by, note.issued_at
    from credit_note_lines line join credit_notes note on note.customer_id = line.customer_id and note.id = line.credit_note_id
    where line.organization_id = ${organizationId} and line.customer_id = ${customerId}
      and line.corrected_kind = 'usage' and line.corrects_invoice_id = any(${invoiceIds}::uuid[])
    order by issued_at, id`.execute(transaction)
  return rows
}
