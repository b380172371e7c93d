import { type BillingPeriod, storedPeriod, truncatePeriod } from '../../shared/calendar/billing-period.ts'
import { assert } from '../../shared/errors.ts'
import { type InvoiceTotals, invoiceTotals } from '../../shared/invoicing/invoice-totals.ts'
import { type RatingInput, rateSubscription } from '../../shared/invoicing/rate-subscription.ts'
import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import { billedParts } from '../../shared/invoicing/trial-periods.ts'
import { type LoadedRating, loadRatings } from '../billing/load-rating.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { findRebuildProgressOfAny, type RebuildProgress } from '../usage/rebuild-progress.ts'
import type { FoundSubscription } from './require-subscription.ts'

/** What was used so far in the period that runs now, and what it costs. */
export interface CurrentUsage {
  /** The time of the organization's clock. */
  readonly now: Temporal.Instant
  /** Null before the start and after the end; then there are no lines. */
  readonly period: BillingPeriod | null
  readonly lines: readonly RatedLine[]
  readonly totals: InvoiceTotals
  readonly chargeModels: ReadonlyMap<string, string | null>
  /** How far a metric of the plan has come that is still counted anew; undefined where the usage is whole. */
  readonly rebuilding: RebuildProgress | undefined
}

/** Prices the running period by the engine that writes the invoice; fixed fees are no usage and are left out. */
export async function rateCurrentUsage(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscription: FoundSubscription,
): Promise<CurrentUsage> {
  return await rateRunningPeriod(transaction, organizationId, subscription, ({ input }) => input)
}

/** Prices the running period from what was loaded of it, as the caller sees that. */
export async function rateRunningPeriod(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscription: FoundSubscription,
  seenAs: (loaded: LoadedRating, now: Temporal.Instant) => RatingInput,
): Promise<CurrentUsage> {
  const { now } = subscription
  const period = runningPeriod(subscription)
  if (period === undefined) {
    const totals = invoiceTotals(subscription.currency, [])
    return { now, period: null, lines: [], totals, chargeModels: new Map(), rebuilding: undefined }
  }
  const [rating] = await loadRatings(transaction, organizationId, [
    { subscription, ...billedParts(period, subscription), advancePeriod: undefined, asOf: now },
  ])
  assert(rating !== undefined, `subscription ${subscription.id} was not rated`)
  const input = seenAs(rating, now)
  const components = input.components.filter((component) => component.kind === 'usage')
  const lines = rateSubscription({ ...input, components })
  const chargeModels = new Map(components.map(({ id, charge }) => [id, charge.model]))
  const metricIds = [...rating.components.values()].flatMap(({ metric, isRebuilding }) =>
    metric !== null && isRebuilding ? [metric.id] : [],
  )
  const rebuilding = await findRebuildProgressOfAny(transaction, organizationId, metricIds)
  return { now, period, lines, totals: invoiceTotals(subscription.currency, lines), chargeModels, rebuilding }
}

function runningPeriod(subscription: FoundSubscription): BillingPeriod | undefined {
  const { currentPeriodStart: start, currentPeriodEnd: end, endedAt, timeZone } = subscription
  if (start === null || end === null) return undefined
  const period = storedPeriod(subscription, { start, end })
  return endedAt === null ? period : truncatePeriod(period, endedAt, timeZone)
}
