import { randomUUIDv7 } from 'node:crypto'
import { lockCreditableDocuments } from '../../db/billing/creditable-documents.ts'
import { type NotedPeriod, takeDueNotes } from '../../db/billing/due-notes.ts'
import { finalizeInvoices } from '../../db/billing/finalize-invoices.ts'
import { rateLateUsage } from '../../db/billing/late-usage.ts'
import { returnReopenedPeriods } from '../../db/billing/taken-periods.ts'
import { type DraftInvoice, type InvoiceLine, insertDrafts } from '../../db/billing/write-invoices.ts'
import { findFrozenTime, realNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { type DraftCreditNote, insertCreditNotes } from '../../db/credit-notes/write-credit-notes.ts'
import { announce } from '../../db/outbox.ts'
import { creditsByDocument, withoutCredits } from '../../shared/invoicing/credits-by-document.ts'
import { invoiceTotals } from '../../shared/invoicing/invoice-totals.ts'

/**
 * Issues the notes of periods that have changed since they were billed: a debit note where they cost more by now, credit
 * notes where they cost less; final at once. A period that comes to the same gets none; one that cannot
 * be rated now is set aside. Run again it finds the other marks gone. Answers with the number of notes.
 */
export async function issueNotes(
  transaction: OrganizationTransaction,
  organizationId: number,
  invoiceIds: readonly string[],
): Promise<number> {
  const frozenTime = await findFrozenTime(transaction, organizationId)
  const now = realNow()
  const periods = await takeDueNotes(transaction, organizationId, { now, invoiceIds })
  const late = await rateLateUsage(transaction, organizationId, periods)
  const left = periods.filter(({ invoiceId }) => !late.has(invoiceId))
  await returnReopenedPeriods(
    transaction,
    organizationId,
    left.map((period) => ({ ...period, failedAt: now })),
  )
  const notes = periods.map((period): Note => {
    const lines = late.get(period.invoiceId) ?? []
    // On a test clock months pass in one step; each note is issued when it was due.
    return { period, lines, netMinor: netOf(lines), issuedAt: frozenTime === undefined ? now : period.dueAt }
  })
  const debits = notes.filter(({ netMinor }) => netMinor > 0n).map(debitNote)
  await insertDrafts(transaction, organizationId, debits)
  for (const { id } of debits) {
    await announce(transaction, { organizationId, topic: 'invoice.created', payload: { invoice_id: id } })
  }
  const credits = await creditNotesOf(
    transaction,
    organizationId,
    notes.filter(({ netMinor }) => netMinor < 0n),
  )
  await insertCreditNotes(transaction, organizationId, credits)
  await finalizeInvoices(
    transaction,
    organizationId,
    debits.map(({ id, totals, issuedAt, ...draft }) => ({ ...draft, ...totals, invoiceId: id, finalizedAt: issuedAt })),
  )
  return debits.length + credits.length
}

interface Note {
  readonly period: NotedPeriod
  readonly lines: readonly InvoiceLine[]
  readonly netMinor: bigint
  readonly issuedAt: Temporal.Instant
}

function netOf(lines: readonly InvoiceLine[]): bigint {
  return lines.reduce((sum, { line }) => sum + line.amountMinor, 0n)
}

function debitNote({ period, lines, issuedAt }: Note): DraftInvoice {
  const { invoiceId, currency, reopenedAt: _reopenedAt, dueAt: _dueAt, lateUsage: _lateUsage, ...ofPeriod } = period
  return {
    ...ofPeriod,
    id: randomUUIDv7(),
    kind: 'debit_note',
    correctsInvoiceId: invoiceId,
    issuedAt,
    finalizeAt: issuedAt,
    totals: invoiceTotals(
      currency,
      lines.map(({ line }) => line),
    ),
    lines,
  }
}

// One for each document that gives something back.
async function creditNotesOf(
  transaction: OrganizationTransaction,
  organizationId: number,
  notes: readonly Note[],
): Promise<DraftCreditNote[]> {
  const subscriptionIds = [...new Set(notes.map(({ period }) => period.subscriptionId))]
  const left = new Map(await lockCreditableDocuments(transaction, organizationId, subscriptionIds))
  return notes.flatMap(({ period, lines, issuedAt }) => {
    const { customerId, issuerId, subscriptionId, currency } = period
    const documents = left.get(subscriptionId) ?? []
    const credits = creditsByDocument(lines, documents)
    left.set(subscriptionId, withoutCredits(documents, credits))
    return credits.map(({ documentId: invoiceId, amountMinor, lines: ofDocument }): DraftCreditNote => {
      const ids = { id: randomUUIDv7(), customerId, issuerId, subscriptionId, invoiceId }
      return { ...ids, currency, totalMinor: amountMinor, issuedAt, lines: ofDocument }
    })
  })
}
