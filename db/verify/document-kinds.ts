/** What is issued to a customer, and how the ledger and the tables hold it. */
export interface DocumentKind {
  readonly kind: 'invoice' | 'credit_note'
  readonly table: string
  readonly lineTable: string
  /** Which of the table are issued. */
  readonly isIssued: string
  /** What the lines come to for one of the subtotal: credit notes keep the signs of invoice lines. */
  readonly signOfLines: 1 | -1
  readonly reason: string
  readonly debit: string
  readonly credit: string
  /** The column of its issuer that counts its numbers. */
  readonly counter: string
}

const INVOICES: DocumentKind = {
  kind: 'invoice',
  table: 'invoices',
  lineTable: 'invoice_lines',
  isIssued: `status <> 'draft'`,
  signOfLines: 1,
  reason: 'invoice_finalized',
  debit: 'receivable',
  credit: 'revenue',
  counter: 'last_invoice_number',
}
const CREDIT_NOTES: DocumentKind = {
  kind: 'credit_note',
  table: 'credit_notes',
  lineTable: 'credit_note_lines',
  isIssued: 'true',
  signOfLines: -1,
  reason: 'credit_note_issued',
  debit: 'revenue',
  credit: 'receivable',
  counter: 'last_credit_note_number',
}

export const DOCUMENT_KINDS = [INVOICES, CREDIT_NOTES] as const
