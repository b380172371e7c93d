import { storedPeriod } from '../../shared/calendar/billing-period.ts'
import { assert } from '../../shared/errors.ts'
import { type InvoiceTotals, invoiceTotals } from '../../shared/invoicing/invoice-totals.ts'
import { rateSubscription } from '../../shared/invoicing/rate-subscription.ts'
import { billedParts } from '../../shared/invoicing/trial-periods.ts'
import { organizationNow } from '../clock.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { type BilledSubscription, listBilledSubscriptions } from './billed-subscriptions.ts'
import type { LockedDraft } from './finalize-invoices.ts'
import { type LoadedRating, loadRatings, type RatingRequest, requireComponent } from './load-rating.ts'
import { withNextInvoiceLines } from './next-invoice-lines.ts'
import { closePeriods, reopenPeriodsOfTouched } from './reopened-periods.ts'
import { type RefreshedDraft, updateDrafts } from './write-invoices.ts'

/**
 * Rates the usage of drafts that are about to be final again, so that what arrived during their grace period is billed, and
 * what arrived later for periods before. Answers with the totals by invoice. Fees were fixed when the draft was issued.
 */
export async function refreshDrafts(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly LockedDraft[],
): Promise<ReadonlyMap<string, InvoiceTotals>> {
  await forgetMarks(transaction, organizationId, drafts)
  const requests = await draftRequests(transaction, organizationId, drafts)
  const ratings = await loadRatings(transaction, organizationId, requests)
  const fees = await listFees(transaction, organizationId, drafts)
  const refreshed = drafts.map((draft, index) => {
    const rating = ratings[index]
    assert(rating !== undefined, `draft ${draft.id} was not rated`)
    return refreshedDraft(draft, rating, fees.get(draft.id) ?? [])
  })
  const complete = await withNextInvoiceLines(transaction, organizationId, refreshed, () => true)
  await updateDrafts(transaction, organizationId, complete)
  return new Map(complete.map(({ id, totals }) => [id, totals]))
}

// Usage that is committed from here on marks these periods anew.
async function forgetMarks(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly LockedDraft[],
): Promise<void> {
  const customerIds = drafts.map(({ customerId }) => customerId)
  const reopenedAt = await organizationNow(transaction, organizationId)
  await reopenPeriodsOfTouched(transaction, organizationId, { customerIds, reopenedAt })
  await closePeriods(transaction, organizationId, drafts)
}

/** What is to be rated of the usage of drafts, in their order. */
export async function draftRequests(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly BilledDraft[],
): Promise<RatingRequest[]> {
  const subscriptions = await subscriptionsOf(transaction, organizationId, drafts)
  return drafts.map((draft) => ({ ...ratedPeriod(draft, subscriptions), advancePeriod: undefined }))
}

type BilledDraft = Pick<
  LockedDraft,
  'id' | 'customerId' | 'subscriptionId' | 'kind' | 'periodStart' | 'periodEnd' | 'timeZone'
>

function refreshedDraft(
  { id, customerId, subscriptionId, currency }: LockedDraft,
  { input, components }: LoadedRating,
  fees: readonly Fee[],
): RefreshedDraft & { readonly subscriptionId: string } {
  const usage = input.components.filter(({ kind }) => kind === 'usage')
  const lines = rateSubscription({ ...input, components: usage }).map((line) => ({
    line,
    component: requireComponent(components, line),
  }))
  const feeLines = fees.map(({ amountMinor }) => ({ amountMinor: BigInt(amountMinor), currency }))
  return {
    id,
    customerId,
    subscriptionId: subscriptionId ?? '',
    lines,
    firstPosition: Math.max(-1, ...fees.map(({ position }) => position)) + 1,
    totals: invoiceTotals(currency, [...feeLines, ...lines.map(({ line }) => line)]),
  }
}

async function subscriptionsOf(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly BilledDraft[],
): Promise<ReadonlyMap<string, BilledSubscription>> {
  const billed = drafts.flatMap(({ subscriptionId: id, customerId }) => (id === null ? [] : [{ id, customerId }]))
  const subscriptions = await listBilledSubscriptions(transaction, organizationId, billed)
  return new Map(subscriptions.map((subscription) => [subscription.id, subscription]))
}

function ratedPeriod(draft: BilledDraft, subscriptions: ReadonlyMap<string, BilledSubscription>) {
  const subscription = subscriptions.get(draft.subscriptionId ?? '')
  assert(subscription !== undefined, `draft ${draft.id} has no subscription`)
  // What is billed at the start of a subscription has no usage behind it.
  if (draft.kind === 'subscription_create') return { subscription, ...billedParts(undefined, subscription) }
  // The subscription may be in another zone by now.
  const zoned = { ...subscription, timeZone: draft.timeZone }
  const period = storedPeriod(zoned, { start: draft.periodStart, end: draft.periodEnd })
  return { subscription: zoned, ...billedParts(period, zoned) }
}

interface Fee {
  readonly position: number
  readonly amountMinor: string
}

async function listFees(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly LockedDraft[],
): Promise<ReadonlyMap<string, readonly Fee[]>> {
  const rows = await transaction
    .selectFrom('invoiceLines')
    .select(['invoiceId', 'position', 'amountMinor'])
    .where('organizationId', '=', organizationId)
    .where(
      'customerId',
      'in',
      drafts.map(({ customerId }) => customerId),
    )
    .where(
      'invoiceId',
      'in',
      drafts.map(({ id }) => id),
    )
    .where('kind', '=', 'plan_fee')
    .execute()
  return Map.groupBy(rows, (row) => row.invoiceId)
}
