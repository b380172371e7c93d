import { randomUUIDv7 } from 'node:crypto'
import { advanceSubscriptions } from '../../db/billing/advance-subscriptions.ts'
import { type BilledSubscription, lockDueSubscriptions } from '../../db/billing/billed-subscriptions.ts'
import { finalizeInvoices } from '../../db/billing/finalize-invoices.ts'
import { type LoadedRating, loadRatings, requireComponent } from '../../db/billing/load-rating.ts'
import { withNextInvoiceLines } from '../../db/billing/next-invoice-lines.ts'
import { reopenPeriodsOfTouched } from '../../db/billing/reopened-periods.ts'
import { type DraftInvoice, insertDrafts } from '../../db/billing/write-invoices.ts'
import { findFrozenTime, realNow } from '../../db/clock.ts'
import { type Connection, type OrganizationTransaction, withOrganization } from '../../db/connection.ts'
import { announce } from '../../db/outbox.ts'
import { assert } from '../../shared/errors.ts'
import { type DueBill, dueBill } from '../../shared/invoicing/due-bill.ts'
import { invoiceTotals } from '../../shared/invoicing/invoice-totals.ts'
import { rateSubscription } from '../../shared/invoicing/rate-subscription.ts'
import { billedParts } from '../../shared/invoicing/trial-periods.ts'

/**
 * Bills subscriptions until none of them is due: one transaction per round of periods, so that a subscription that is
 * several periods behind gets one invoice for each. Answers with the number of invoices.
 */
export async function issueBills(
  connection: Connection,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<number> {
  let invoices = 0
  for (;;) {
    const round = await withOrganization(connection, organizationId, (transaction) =>
      billRound(transaction, organizationId, subscriptionIds),
    )
    if (round.billed === 0) return invoices
    invoices += round.invoices
  }
}

interface Bill {
  readonly subscription: BilledSubscription
  readonly due: DueBill
}

async function billRound(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<{ billed: number; invoices: number }> {
  const frozenTime = await findFrozenTime(transaction, organizationId)
  const now = frozenTime ?? realNow()
  const subscriptions = await lockDueSubscriptions(transaction, { organizationId, subscriptionIds, now })
  const bills = subscriptions.map((subscription): Bill => ({ subscription, due: dueBill(stateOf(subscription)) }))
  const ratings = await loadRatings(
    transaction,
    organizationId,
    bills.map(({ subscription, due }) => ({
      subscription,
      ...billedParts(due.period, subscription),
      advancePeriod: due.advancePeriod,
    })),
  )
  const rated = bills.map((bill, index): DraftInvoice => {
    const rating = ratings[index]
    assert(rating !== undefined, 'a bill was not rated')
    // On a test clock months pass in one step; each invoice is issued when it was due.
    return draftOf(bill, rating, frozenTime === undefined ? now : bill.due.dueAt)
  })
  const customerIds = rated.map(({ customerId }) => customerId)
  await reopenPeriodsOfTouched(transaction, organizationId, { customerIds, reopenedAt: now })
  // A bill without lines (nothing in advance, nothing priced, nothing late) would be an empty page.
  const drafts = (await withNextInvoiceLines(transaction, organizationId, rated, isFinalAtOnce)).filter(
    ({ lines }) => lines.length > 0,
  )
  await insertDrafts(transaction, organizationId, drafts)
  for (const { id } of drafts) {
    await announce(transaction, { organizationId, topic: 'invoice.created', payload: { invoice_id: id } })
  }
  await advanceSubscriptions(
    transaction,
    organizationId,
    bills.map(({ subscription: { id, customerId }, due }) => ({ subscriptionId: id, customerId, next: due.next })),
  )
  await finalizeInvoices(transaction, organizationId, withoutGrace(drafts))
  return { billed: bills.length, invoices: drafts.length }
}

function stateOf(subscription: BilledSubscription): Parameters<typeof dueBill>[0] {
  const { currentPeriodStart, currentPeriodEnd, nextBillingAt } = subscription
  assert(
    currentPeriodStart !== null && currentPeriodEnd !== null && nextBillingAt !== null,
    `subscription ${subscription.id} is due without a period`,
  )
  return { ...subscription, currentPeriodStart, currentPeriodEnd, nextBillingAt }
}

function draftOf(
  { subscription, due }: Bill,
  { input, components }: LoadedRating,
  issuedAt: Temporal.Instant,
): DraftInvoice {
  const lines = rateSubscription(input)
  // A bill of nothing has no period either.
  const billed = due.period ?? due.advancePeriod ?? { start: due.dueAt, end: due.dueAt }
  return {
    id: randomUUIDv7(),
    customerId: subscription.customerId,
    issuerId: subscription.issuerId,
    subscriptionId: subscription.id,
    kind: due.kind,
    periodStart: billed.start,
    periodEnd: billed.end,
    timeZone: due.period === undefined ? due.next.timeZone : subscription.timeZone,
    issuedAt,
    finalizeAt: issuedAt.add({ seconds: subscription.gracePeriodSeconds }),
    totals: invoiceTotals(input.currency, lines),
    lines: lines.map((line) => ({ line, component: requireComponent(components, line) })),
  }
}

function isFinalAtOnce({ issuedAt, finalizeAt }: DraftInvoice): boolean {
  return finalizeAt.equals(issuedAt)
}

function withoutGrace(drafts: readonly DraftInvoice[]) {
  return drafts.filter(isFinalAtOnce).map(({ id, customerId, issuerId, totals, issuedAt }) => ({
    invoiceId: id,
    customerId,
    issuerId,
    currency: totals.currency,
    totalMinor: totals.totalMinor,
    finalizedAt: issuedAt,
  }))
}
