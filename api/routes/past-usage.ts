import Type from 'typebox'
import { type Invoice, listPeriodInvoices } from '../../db/invoices/invoices.ts'
import { requireSubscription } from '../../db/subscriptions/require-subscription.ts'
import type { Subscription } from '../../db/subscriptions/subscriptions.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Cents, failures, jsonInteger, ListOf, Nullable, Output, Time, Uuid } from '../schemas/common.ts'
import { InvoiceStatus } from '../schemas/invoice.ts'
import { InvoiceLineAnswer, invoiceLineView } from '../schemas/line.ts'

const PastUsage = Output('PastUsage', {
  subscription_id: Uuid,
  external_subscription_id: Type.String(),
  external_customer_id: Type.String(),
  currency: Type.String(),
  period_start: Time,
  period_end: Time,
  invoice_id: Uuid,
  invoice_number: Nullable(Type.String()),
  invoice_status: InvoiceStatus,
  lines: Type.Array(InvoiceLineAnswer),
  subtotal_cents: Cents,
})

/** What periods that are over used and cost. */
export const pastUsageRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/subscriptions/:id/past_usage',
    {
      schema: {
        operationId: 'listPastUsage',
        summary: 'List the usage of periods that are over',
        description:
          'As it was billed, newest first: a period per invoice, without fixed fees. While the invoice is a draft, ' +
          'late usage still changes it; what arrives later is on later invoices.',
        tags: ['Subscriptions'],
        params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 255 }) }),
        querystring: Type.Object(PAGE_QUERY),
        response: { 200: ListOf('PastUsageList', PastUsage), ...failures('subscription_not_found') },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) => {
        const subscription = await requireSubscription(transaction, id, request.params.id, {
          ofCustomer: request.keyCustomerId,
        })
        const invoices = await listPeriodInvoices(transaction, id, { ...page, subscriptionId: subscription.id })
        return pageAnswer(invoices, (invoice) => view(subscription, invoice))
      })
    },
  )
}

function view(subscription: Subscription, invoice: Invoice) {
  // Late lines are of other periods.
  const lines = invoice.lines.filter(({ kind, correctsInvoiceId }) => kind !== 'plan_fee' && correctsInvoiceId === null)
  return {
    subscription_id: subscription.id,
    external_subscription_id: subscription.externalId,
    external_customer_id: subscription.externalCustomerId,
    currency: invoice.currency,
    period_start: invoice.periodStart.toString(),
    period_end: invoice.periodEnd.toString(),
    invoice_id: invoice.id,
    invoice_number: invoice.number,
    invoice_status: invoice.status,
    lines: lines.map(invoiceLineView),
    subtotal_cents: jsonInteger(lines.reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n)),
  }
}
