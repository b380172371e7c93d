import type { Selectable } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database, InvoiceStatus } from '../schema.ts'
import { LINE_TEXTS, type ReadTexts, withReadTexts } from './line-texts.ts'

/** An invoice as it is read: with its lines, its payment state and the names of what it refers to. */
export type Invoice = InvoiceRow & { readonly lines: readonly InvoiceLine[] }

type InvoiceRow = Selectable<Database['invoices']> & {
  readonly externalCustomerId: string
  readonly issuerCode: string
  readonly paymentStatus: 'pending' | 'paid' | 'failed' | 'uncollectible' | null
}

export type InvoiceLine = Omit<Selectable<Database['invoiceLines']>, keyof ReadTexts> &
  ReadTexts & { readonly billableMetricCode: string | null }

export interface InvoiceFilter {
  readonly externalCustomerId: string | undefined
  /** The id of a subscription, not its external id. */
  readonly subscriptionId: string | undefined
  readonly status: InvoiceStatus | undefined
}

/** Newest first, lines included. */
export async function listInvoices(
  transaction: OrganizationTransaction,
  organizationId: number,
  { externalCustomerId, subscriptionId, status, ...page }: PageRequest & InvoiceFilter,
): Promise<Page<Invoice>> {
  const query = selectInvoices(transaction, organizationId)
    .$if(externalCustomerId !== undefined, (rows) => rows.where('c.externalId', '=', externalCustomerId ?? ''))
    .$if(subscriptionId !== undefined, (rows) => rows.where('i.subscriptionId', '=', subscriptionId ?? ''))
    .$if(status !== undefined, (rows) => rows.where('i.status', '=', status as InvoiceStatus))
  const { rows, next } = await newestFirst(query, page, 'i.id')
  return { rows: await withLines(transaction, organizationId, rows), next }
}

/** The invoices of a subscription's periods that are over, newest first, lines included; voided ones are left out. */
export async function listPeriodInvoices(
  transaction: OrganizationTransaction,
  organizationId: number,
  { subscriptionId, ...page }: PageRequest & { readonly subscriptionId: string },
): Promise<Page<Invoice>> {
  const query = selectInvoices(transaction, organizationId)
    .where('i.subscriptionId', '=', subscriptionId)
    .where('i.kind', '=', 'subscription_cycle')
    .where('i.status', '<>', 'voided')
  const { rows, next } = await newestFirst(query, page, 'i.id')
  return { rows: await withLines(transaction, organizationId, rows), next }
}

export async function requireInvoice(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<Invoice> {
  const row = await selectInvoices(transaction, organizationId).where('i.id', '=', id).executeTakeFirst()
  if (row === undefined) throw new AppError('invoice_not_found', `no invoice has the id ${id}`)
  const [invoice] = await withLines(transaction, organizationId, [row])
  return invoice as Invoice
}

function selectInvoices(transaction: OrganizationTransaction, organizationId: number) {
  return transaction
    .selectFrom('invoices as i')
    .innerJoin('customers as c', 'c.customerId', 'i.customerId')
    .innerJoin('issuers as s', 's.id', 'i.issuerId')
    .leftJoin('invoicePaymentStates as p', (join) =>
      join.onRef('p.customerId', '=', 'i.customerId').onRef('p.invoiceId', '=', 'i.id'),
    )
    .selectAll('i')
    .select(['c.externalId as externalCustomerId', 's.code as issuerCode', 'p.status as paymentStatus'])
    .where('i.organizationId', '=', organizationId)
}

async function withLines(
  transaction: OrganizationTransaction,
  organizationId: number,
  invoices: readonly InvoiceRow[],
): Promise<readonly Invoice[]> {
  if (invoices.length === 0) return []
  const lines = await transaction
    .selectFrom('invoiceLines as l')
    .leftJoin('billableMetrics as m', 'm.id', 'l.billableMetricId')
    .selectAll('l')
    .select('m.code as billableMetricCode')
    .select(LINE_TEXTS)
    .where('l.organizationId', '=', organizationId)
    .where('l.customerId', 'in', [...new Set(invoices.map((invoice) => invoice.customerId))])
    .where(
      'l.invoiceId',
      'in',
      invoices.map((invoice) => invoice.id),
    )
    .orderBy('l.position')
    .execute()
  const byInvoice = Map.groupBy(lines.map(withReadTexts), (line) => line.invoiceId)
  return invoices.map((invoice) => ({ ...invoice, lines: byInvoice.get(invoice.id) ?? [] }))
}
