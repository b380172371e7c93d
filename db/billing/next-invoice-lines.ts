import { sql } from 'kysely'
import { cappedCredits } from '../../shared/invoicing/capped-credits.ts'
import { type InvoiceTotals, withLines } from '../../shared/invoicing/invoice-totals.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'
import { rateLateUsage } from './late-usage.ts'
import { returnReopenedPeriods, type TakenPeriod, takeReopenedPeriods } from './taken-periods.ts'
import type { InvoiceLine } from './write-invoices.ts'

/** An invoice that is being written or refreshed and may bear the late usage of its subscription. */
export interface CarryingInvoice {
  /** It need not be written yet. */
  readonly id: string
  readonly subscriptionId: string
  readonly totals: InvoiceTotals
  readonly lines: readonly InvoiceLine[]
}

/**
 * The invoices with their late lines and the totals of all; `isFinal` says which are about to be final, so that what they
 * bear is billed.
 */
export async function withNextInvoiceLines<Carrying extends CarryingInvoice>(
  transaction: OrganizationTransaction,
  organizationId: number,
  invoices: readonly Carrying[],
  isFinal: (invoice: Carrying) => boolean,
): Promise<readonly Carrying[]> {
  const rated = invoices.map((invoice) => {
    const { id, subscriptionId, totals } = invoice
    return { id, subscriptionId, otherMinor: totals.subtotalMinor, isFinal: isFinal(invoice) }
  })
  const lateLines = await nextInvoiceLines(transaction, organizationId, rated)
  return invoices.map((invoice) => {
    const late = lateLines.get(invoice.id)
    if (late === undefined) return invoice
    return { ...invoice, lines: [...invoice.lines, ...late], totals: withLines(invoice.totals, late) }
  })
}

interface RatedInvoice extends Pick<CarryingInvoice, 'id' | 'subscriptionId'> {
  /** What its other lines come to, in minor units. */
  readonly otherMinor: bigint
  readonly isFinal: boolean
}

/**
 * The late lines of invoices, by invoice. Of several open drafts of a subscription the one that was issued first bears
 * them, and what a credit cannot take off yet, or nobody can rate now, keeps its mark for the invoice after that.
 */
async function nextInvoiceLines(
  transaction: OrganizationTransaction,
  organizationId: number,
  invoices: readonly RatedInvoice[],
): Promise<ReadonlyMap<string, readonly InvoiceLine[]>> {
  const subscriptionIds = invoices.map(({ subscriptionId }) => subscriptionId)
  if (!(await hasReopenedPeriods(transaction, organizationId, subscriptionIds))) return new Map()
  const first = await listFirstDrafts(transaction, organizationId, subscriptionIds)
  const carrying = new Map(
    invoices
      .filter(({ id, subscriptionId }) => (first.get(subscriptionId) ?? id) === id)
      .map((invoice) => [invoice.subscriptionId, invoice]),
  )
  const periods = await takeReopenedPeriods(transaction, organizationId, {
    subscriptionIds: [...carrying.keys()],
    takenOf: [...carrying.values()].filter(({ isFinal }) => isFinal).map(({ subscriptionId }) => subscriptionId),
  })
  const rated = await rateLateUsage(transaction, organizationId, periods)
  const left: TakenPeriod[] = []
  const bySubscription = Map.groupBy(periods, ({ subscriptionId }) => subscriptionId)
  const lines = new Map<string, readonly InvoiceLine[]>()
  for (const { id, subscriptionId, otherMinor, isFinal } of carrying.values()) {
    const ofInvoice = bySubscription.get(subscriptionId) ?? []
    const late = ofInvoice.flatMap(({ invoiceId }) => rated.get(invoiceId) ?? [])
    const capped = cappedCredits(late, otherMinor)
    const isLeft = ({ invoiceId }: TakenPeriod) => capped.cut.has(invoiceId) || !rated.has(invoiceId)
    if (isFinal) left.push(...ofInvoice.filter(isLeft))
    if (capped.lines.length > 0) lines.set(id, capped.lines)
  }
  await returnReopenedPeriods(transaction, organizationId, left)
  return lines
}

async function hasReopenedPeriods(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<boolean> {
  if (subscriptionIds.length === 0) return false
  const { rows } = await sql<{ found: boolean }>`
    select exists (select from reopened_periods
      where organization_id = ${organizationId} and subscription_id = any(${list(subscriptionIds)}::uuid[])) as found`.execute(
    transaction,
  )
  return rows[0]?.found === true
}

async function listFirstDrafts(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ subscriptionId: string; id: string }>`
    select distinct on (subscription_id) subscription_id, id from invoices
    where organization_id = ${organizationId} and subscription_id = any(${list(subscriptionIds)}::uuid[])
      and status = 'draft'
    order by subscription_id, issued_at, id`.execute(transaction)
  return new Map(rows.map(({ subscriptionId, id }) => [subscriptionId, id]))
}
