import { storedPeriod } from '../../shared/calendar/billing-period.ts'
import { AppError, assert } from '../../shared/errors.ts'
import { lateLines } from '../../shared/invoicing/late-lines.ts'
import type { LateUsagePolicy } from '../../shared/invoicing/late-usage-policy.ts'
import { rateSubscription } from '../../shared/invoicing/rate-subscription.ts'
import { billedParts } from '../../shared/invoicing/trial-periods.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { listBilledParts } from './billed-parts.ts'
import { listBilledSubscriptions } from './billed-subscriptions.ts'
import { type LoadedRating, loadRatings, type RatingRequest, requireComponent } from './load-rating.ts'
import type { PlanComponent } from './plan-components.ts'
import type { TakenPeriod } from './taken-periods.ts'
import type { InvoiceLine } from './write-invoices.ts'

/**
 * What the periods cost more by now than was billed of them, or less; by the invoice of the period, in the order given.
 * They are rated by what they were billed by: the plan version and the overrides of their subscription, in their zone.
 * Left out are periods whose price looks at events that are archived: their marks must stay until these are restored.
 */
export async function rateLateUsage(
  transaction: OrganizationTransaction,
  organizationId: number,
  periods: readonly TakenPeriod[],
): Promise<ReadonlyMap<string, readonly InvoiceLine[]>> {
  if (periods.length === 0) return new Map()
  const requests = await requestsOf(transaction, organizationId, periods)
  const ratings = await loadReadable(transaction, organizationId, requests)
  const billed = await listBilledParts(transaction, organizationId, periods)
  return new Map(
    requests.flatMap(({ subscription, whole, invoiceId, lateUsage }, place): [string, readonly InvoiceLine[]][] => {
      const rating = ratings[place]
      if (rating === undefined) return []
      const { input, components } = rating
      const lines = lateLines({
        invoiceId,
        period: whole,
        timeZone: subscription.timeZone,
        currency: input.currency,
        components: input.components,
        rated: rateSubscription({ ...input, components: input.components.filter(({ kind }) => kind === 'usage') }),
        billed: billed.get(invoiceId) ?? [],
      })
      const late = lines.map((line) => ({ line, component: requireComponent(components, line) }))
      return [[invoiceId, late.filter(({ component }) => isBilledLate(component, lateUsage))]]
    }),
  )
}

// Where late usage is refused, that of a recurring metric is still counted for the sake of the open periods that it is
// carried over into; the closed ones keep what they were billed.
function isBilledLate({ metric }: PlanComponent, lateUsage: LateUsagePolicy): boolean {
  return lateUsage !== 'refuse' || metric?.recurring !== true
}

// All at once, and one by one only where some cannot be read.
async function loadReadable(
  transaction: OrganizationTransaction,
  organizationId: number,
  requests: readonly RatingRequest[],
): Promise<readonly (LoadedRating | undefined)[]> {
  try {
    return await loadRatings(transaction, organizationId, requests)
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'usage_archived')) throw error
    if (requests.length === 1) return [undefined]
    const ratings: (LoadedRating | undefined)[] = []
    for (const request of requests) ratings.push(...(await loadReadable(transaction, organizationId, [request])))
    return ratings
  }
}

async function requestsOf(
  transaction: OrganizationTransaction,
  organizationId: number,
  periods: readonly TakenPeriod[],
) {
  const named = periods.map(({ subscriptionId: id, customerId }) => ({ id, customerId }))
  const rows = await listBilledSubscriptions(transaction, organizationId, named)
  const subscriptions = new Map(rows.map((row) => [row.id, row]))
  return periods.map(({ invoiceId, subscriptionId, periodStart, periodEnd, timeZone, lateUsage }) => {
    const current = subscriptions.get(subscriptionId)
    assert(current !== undefined, `invoice ${invoiceId} has no subscription`)
    const subscription = { ...current, timeZone }
    const whole = storedPeriod(subscription, { start: periodStart, end: periodEnd })
    return { invoiceId, whole, lateUsage, subscription, ...billedParts(whole, subscription), advancePeriod: undefined }
  })
}
