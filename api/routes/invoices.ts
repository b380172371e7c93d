import Type from 'typebox'
import { finalizeInvoice } from '../../db/invoices/finalize-invoice.ts'
import { type Invoice, listInvoices, requireInvoice } from '../../db/invoices/invoices.ts'
import { requireSubscription } from '../../db/subscriptions/require-subscription.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { failures, jsonInteger, ListOf, Uuid } from '../schemas/common.ts'
import { InvoiceAnswer, InvoiceStatus } from '../schemas/invoice.ts'
import { invoiceLineView } from '../schemas/line.ts'

const ById = Type.Object({ id: Uuid })

/** What was billed. */
export const invoiceRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/invoices',
    {
      schema: {
        operationId: 'listInvoices',
        summary: 'List invoices',
        description: 'Newest first, with their lines.',
        tags: ['Invoices'],
        querystring: Type.Object({
          external_customer_id: Type.Optional(Type.String()),
          subscription_id: Type.Optional(Type.String({ description: 'The id, or your external id.' })),
          status: Type.Optional(InvoiceStatus),
          ...PAGE_QUERY,
        }),
        response: { 200: ListOf('InvoiceList', InvoiceAnswer), ...failures('subscription_not_found') },
      },
    },
    (request) => {
      const { external_customer_id: externalCustomerId, subscription_id: reference, status } = request.query
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) => {
        const subscription = reference === undefined ? undefined : await requireSubscription(transaction, id, reference)
        const filter = { externalCustomerId, subscriptionId: subscription?.id, status }
        return pageAnswer(await listInvoices(transaction, id, { ...page, ...filter }), invoiceView)
      })
    },
  )

  server.get(
    '/invoices/:id',
    {
      schema: {
        operationId: 'getInvoice',
        summary: 'Retrieve an invoice',
        tags: ['Invoices'],
        params: ById,
        response: { 200: InvoiceAnswer, ...failures('invoice_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) => invoiceView(await requireInvoice(transaction, id, request.params.id))),
  )

  server.post(
    '/invoices/:id/finalize',
    {
      schema: {
        operationId: 'finalizeInvoice',
        summary: 'Finalize a draft now',
        description: 'Ends its grace period: it gets its number, and its content never changes again.',
        tags: ['Invoices'],
        params: ById,
        response: { 200: InvoiceAnswer, ...failures('invoice_not_found', 'invoice_not_draft') },
      },
    },
    (request) =>
      within(request, async (transaction, id) =>
        invoiceView(await finalizeInvoice(transaction, id, request.params.id)),
      ),
  )
}

function invoiceView(invoice: Invoice) {
  return {
    id: invoice.id,
    number: invoice.number,
    status: invoice.status,
    payment_status: invoice.paymentStatus,
    kind: invoice.kind,
    corrects_invoice_id: invoice.correctsInvoiceId,
    external_customer_id: invoice.externalCustomerId,
    subscription_id: invoice.subscriptionId,
    issuer_code: invoice.issuerCode,
    currency: invoice.currency,
    period_start: invoice.periodStart.toString(),
    period_end: invoice.periodEnd.toString(),
    subtotal_cents: jsonInteger(invoice.subtotalMinor),
    tax_cents: jsonInteger(invoice.taxMinor),
    total_cents: jsonInteger(invoice.totalMinor),
    issued_at: invoice.issuedAt.toString(),
    finalize_at: textOf(invoice.finalizeAt),
    finalized_at: textOf(invoice.finalizedAt),
    due_at: textOf(invoice.dueAt),
    lines: invoice.lines.map(invoiceLineView),
  }
}

function textOf(instant: Temporal.Instant | null): string | null {
  return instant === null ? null : instant.toString()
}
