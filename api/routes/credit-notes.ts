import Type from 'typebox'
import { type CreditNote, listCreditNotes, requireCreditNote } from '../../db/credit-notes/credit-notes.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { failures, jsonInteger, ListOf, Uuid } from '../schemas/common.ts'
import { CreditNoteAnswer } from '../schemas/credit-note.ts'
import { invoiceLineView } from '../schemas/line.ts'

/** What was given back of final invoices. */
export const creditNoteRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/credit_notes',
    {
      schema: {
        operationId: 'listCreditNotes',
        summary: 'List credit notes',
        description: 'Newest first, with their lines.',
        tags: ['Invoices'],
        querystring: Type.Object({
          external_customer_id: Type.Optional(Type.String()),
          invoice_id: Type.Optional(Uuid),
          ...PAGE_QUERY,
        }),
        response: { 200: ListOf('CreditNoteList', CreditNoteAnswer), ...failures() },
      },
    },
    (request) => {
      const { external_customer_id: externalCustomerId, invoice_id: invoiceId } = request.query
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) =>
        pageAnswer(await listCreditNotes(transaction, id, { ...page, externalCustomerId, invoiceId }), creditNoteView),
      )
    },
  )

  server.get(
    '/credit_notes/:id',
    {
      schema: {
        operationId: 'getCreditNote',
        summary: 'Retrieve a credit note',
        tags: ['Invoices'],
        params: Type.Object({ id: Uuid }),
        response: { 200: CreditNoteAnswer, ...failures('credit_note_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) =>
        creditNoteView(await requireCreditNote(transaction, id, request.params.id)),
      ),
  )
}

function creditNoteView(note: CreditNote) {
  return {
    id: note.id,
    number: note.number,
    reason: note.reason,
    external_customer_id: note.externalCustomerId,
    subscription_id: note.subscriptionId,
    issuer_code: note.issuerCode,
    invoice_id: note.invoiceId,
    invoice_number: note.invoiceNumber,
    currency: note.currency,
    subtotal_cents: jsonInteger(note.subtotalMinor),
    tax_cents: jsonInteger(note.taxMinor),
    total_cents: jsonInteger(note.totalMinor),
    issued_at: note.issuedAt.toString(),
    created_at: note.createdAt.toString(),
    lines: note.lines.map(invoiceLineView),
  }
}
