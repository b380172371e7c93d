import { sql } from 'kysely'
import { type InvoiceLine, insertLines } from '../billing/write-invoices.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { postCreditNotes } from '../ledger/post-invoices.ts'
import { announce } from '../outbox.ts'

/** A credit note on its way into the table. */
export interface DraftCreditNote {
  readonly id: string
  readonly customerId: number
  readonly issuerId: string
  readonly subscriptionId: string
  /** The invoice or debit note that billed too much. */
  readonly invoiceId: string
  readonly currency: string
  /** What is given back, above zero. */
  readonly totalMinor: bigint
  readonly issuedAt: Temporal.Instant
  readonly lines: readonly InvoiceLine[]
}

/**
 * Issues credit notes: ledger postings and announcements, then rows and lines with the next numbers, last of all because the
 * counter of the issuer is what others wait for.
 */
export async function insertCreditNotes(
  transaction: OrganizationTransaction,
  organizationId: number,
  notes: readonly DraftCreditNote[],
): Promise<void> {
  if (notes.length === 0) return
  await postCreditNotes(transaction, organizationId, notes)
  for (const { id } of notes) {
    await announce(transaction, { organizationId, topic: 'credit_note.issued', payload: { credit_note_id: id } })
  }
  for (const [issuerId, ofIssuer] of Map.groupBy(notes, (note) => note.issuerId)) {
    await insertNumbered(transaction, { organizationId, issuerId, notes: ofIssuer })
  }
  await insertLines(transaction, organizationId, { table: 'credit_note_lines', documents: notes })
}

async function insertNumbered(
  transaction: OrganizationTransaction,
  { organizationId, issuerId, notes }: { organizationId: number; issuerId: string; notes: readonly DraftCreditNote[] },
): Promise<void> {
  const rows = notes.map((note, position) => ({
    position,
    id: note.id,
    customer_id: note.customerId,
    subscription_id: note.subscriptionId,
    invoice_id: note.invoiceId,
    currency: note.currency,
    total_minor: note.totalMinor.toString(),
    issued_at: note.issuedAt,
  }))
  await sql`
    with counter as (
      update issuers set last_credit_note_number = last_credit_note_number + ${rows.length}, updated_at = now()
      where id = ${issuerId} and organization_id = ${organizationId}
      returning credit_note_number_prefix, last_credit_note_number - ${rows.length} as before
    )
    insert into credit_notes (organization_id, issuer_id, id, customer_id, subscription_id, invoice_id, sequence, number,
      reason, currency, subtotal_minor, total_minor, issued_at)
    select ${organizationId}, ${issuerId}, note.id, note.customer_id, note.subscription_id, note.invoice_id,
      (select count(*) from credit_notes before where before.invoice_id = note.invoice_id)
        + row_number() over (partition by note.invoice_id order by note.position) - 1,
      -- Not lpad, which would cut the seventh digit off.
      counter.credit_note_number_prefix || to_char(counter.before + 1 + note.position, 'FM999999999999000000'),
      'late_usage', note.currency, note.total_minor, note.total_minor, note.issued_at
    from counter, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as note (position integer, id uuid, customer_id integer, subscription_id uuid, invoice_id uuid, currency text,
        total_minor numeric, issued_at timestamptz)`.execute(transaction)
}
