import type { Selectable } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { InvoiceLine } from '../invoices/invoices.ts'
import { LINE_TEXTS, withReadTexts } from '../invoices/line-texts.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database } from '../schema.ts'

/** A credit note as it is read: with its lines and the names of what it refers to. */
export type CreditNote = CreditNoteRow & { readonly lines: readonly CreditNoteLine[] }

/** As a line of an invoice; credits are below zero. */
export type CreditNoteLine = Omit<InvoiceLine, 'invoiceId'>

type CreditNoteRow = Selectable<Database['creditNotes']> & {
  readonly externalCustomerId: string
  readonly issuerCode: string
  readonly invoiceNumber: string | null
}

export interface CreditNoteFilter {
  readonly externalCustomerId: string | undefined
  readonly invoiceId: string | undefined
}

/** Newest first, lines included. */
export async function listCreditNotes(
  transaction: OrganizationTransaction,
  organizationId: number,
  { externalCustomerId, invoiceId, ...page }: PageRequest & CreditNoteFilter,
): Promise<Page<CreditNote>> {
  const query = selectCreditNotes(transaction, organizationId)
    .$if(externalCustomerId !== undefined, (rows) => rows.where('c.externalId', '=', externalCustomerId ?? ''))
    .$if(invoiceId !== undefined, (rows) => rows.where('n.invoiceId', '=', invoiceId ?? ''))
  const { rows, next } = await newestFirst(query, page, 'n.id')
  return { rows: await withLines(transaction, organizationId, rows), next }
}

export async function requireCreditNote(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<CreditNote> {
  const row = await selectCreditNotes(transaction, organizationId).where('n.id', '=', id).executeTakeFirst()
  if (row === undefined) throw new AppError('credit_note_not_found', `no credit note has the id ${id}`)
  const [note] = await withLines(transaction, organizationId, [row])
  return note as CreditNote
}

function selectCreditNotes(transaction: OrganizationTransaction, organizationId: number) {
  return transaction
    .selectFrom('creditNotes as n')
    .innerJoin('customers as c', 'c.customerId', 'n.customerId')
    .innerJoin('issuers as s', 's.id', 'n.issuerId')
    .innerJoin('invoices as i', (join) =>
      join.onRef('i.customerId', '=', 'n.customerId').onRef('i.id', '=', 'n.invoiceId'),
    )
    .selectAll('n')
    .select(['c.externalId as externalCustomerId', 's.code as issuerCode', 'i.number as invoiceNumber'])
    .where('n.organizationId', '=', organizationId)
}

async function withLines(
  transaction: OrganizationTransaction,
  organizationId: number,
  notes: readonly CreditNoteRow[],
): Promise<readonly CreditNote[]> {
  if (notes.length === 0) return []
  const lines = await transaction
    .selectFrom('creditNoteLines as l')
    .leftJoin('billableMetrics as m', 'm.id', 'l.billableMetricId')
    .selectAll('l')
    .select('m.code as billableMetricCode')
    .select(LINE_TEXTS)
    .where('l.organizationId', '=', organizationId)
    .where('l.customerId', 'in', [...new Set(notes.map((note) => note.customerId))])
    .where(
      'l.creditNoteId',
      'in',
      notes.map((note) => note.id),
    )
    .orderBy('l.position')
    .execute()
  const byNote = Map.groupBy(lines.map(withReadTexts), (line) => line.creditNoteId)
  return notes.map((note) => ({ ...note, lines: byNote.get(note.id) ?? [] }))
}
