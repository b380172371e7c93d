import { type Selectable, sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { InvoiceLine } from '../invoices/invoices.ts'
import type { AdjustmentRecord, StepRecord } from '../invoices/step-records.ts'
import { type Page, type PageRequest, pageOf } from '../paging.ts'
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
  { limit, after, externalCustomerId, invoiceId }: PageRequest & CreditNoteFilter,
): Promise<Page<CreditNote>> {
  const rows = await selectCreditNotes(transaction, organizationId)
    .$if(externalCustomerId !== undefined, (query) => query.where('c.externalId', '=', externalCustomerId ?? ''))
    .$if(invoiceId !== undefined, (query) => query.where('n.invoiceId', '=', invoiceId ?? ''))
    .$if(after !== undefined, (query) => query.where('n.id', '<', after ?? ''))
    .orderBy('n.id', 'desc')
    .limit(limit + 1)
    .execute()
  const { rows: notes, next } = pageOf(rows, limit, (row) => row.id)
  return { rows: await withLines(transaction, organizationId, notes), next }
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
    .select([sql<string>`l.steps::text`.as('stepsText'), sql<string>`l.adjustments::text`.as('adjustmentsText')])
    .where('l.organizationId', '=', organizationId)
    .where('l.customerId', 'in', [...new Set(notes.map((note) => note.customerId))])
    .where(
      'l.creditNoteId',
      'in',
      notes.map((note) => note.id),
    )
    .orderBy('l.position')
    .execute()
  const byNote = Map.groupBy(
    lines.map(({ stepsText, adjustmentsText, ...line }) => ({
      ...line,
      steps: parseExactJson(stepsText) as StepRecord[],
      adjustments: parseExactJson(adjustmentsText) as AdjustmentRecord[],
    })),
    (line) => line.creditNoteId,
  )
  return notes.map((note) => ({ ...note, lines: byNote.get(note.id) ?? [] }))
}
