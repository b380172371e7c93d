import { assert } from '../../shared/errors.ts'
import type { UsageComponent } from '../../shared/invoicing/components.ts'
import { estimateFee, type FeeEstimate } from '../../shared/invoicing/fee-estimate.ts'
import { describePortion, portionOf } from '../../shared/invoicing/portions.ts'
import { rateSubscription } from '../../shared/invoicing/rate-subscription.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { UsageSlice } from '../usage/usage-question.ts'
import { type LoadedRating, type LoadedUsage, loadUsage, ratingsOf } from './load-rating.ts'
import { listOpenPeriods, type OpenPeriod } from './open-periods.ts'
import { slicesOfSupposedEvent } from './supposed-event.ts'

/** What a supposed event would change on one charge in one period that is still open. */
export interface EstimatedFee extends FeeEstimate {
  readonly subscription: { readonly id: string; readonly externalId: string }
  /** The draft that the event would still be billed on; null in a period that is not billed yet. */
  readonly invoiceId: string | null
  readonly component: UsageComponent
  /** The filter that the event matches best, and the values of its groups. */
  readonly portion: ReturnType<typeof portionOf>
  readonly description: string
  readonly currency: string
  readonly periodStart: Temporal.Instant
  readonly periodEnd: Temporal.Instant
}

/**
 * What an event of the customer would cost if it were counted now, charge by charge; nothing is stored. Usage is read
 * once and rated with and without the event by the engine that writes invoices. No charge counts it: no fee.
 */
export async function estimateFees(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, event, now }: { customerId: number; event: UsageEvent; now: Temporal.Instant },
): Promise<EstimatedFee[]> {
  const periods = await listOpenPeriods(transaction, organizationId, { customerId, event, now })
  const requests = periods.map(({ request }) => request)
  const loaded = await loadUsage(transaction, organizationId, requests, { addsEvents: true })
  const supposed = slicesOfSupposedEvent({ customerId, event }, loaded.questions)
  const before = ratingsOf(loaded)
  const after = ratingsOf({ ...loaded, slices: [...loaded.slices, ...supposed] })
  return supposed.map((slice) => {
    const { request, component } = askedBy(slice, loaded)
    const [period, without, withEvent] = [periods[request], before[request], after[request]]
    assert(period !== undefined && without !== undefined && withEvent !== undefined, 'a period was not rated')
    const fee = estimateFee(linesOf(component, without), linesOf(component, withEvent))
    return { ...fee, ...describe(slice, component, period) }
  })
}

function askedBy({ position }: UsageSlice, { questions, asked }: LoadedUsage): LoadedUsage['asked'][number] {
  const component = asked[questions[position]?.asked ?? -1]
  assert(component !== undefined, 'a slice answers no question')
  return component
}

function linesOf({ id }: UsageComponent, { input }: LoadedRating) {
  return rateSubscription({ ...input, components: input.components.filter((component) => component.id === id) })
}

function describe({ dimensions }: UsageSlice, component: UsageComponent, { request, invoiceId }: OpenPeriod) {
  const { subscription, period } = request
  assert(period !== undefined, 'usage was asked for in no period')
  const portion = portionOf(component, dimensions)
  return {
    subscription,
    invoiceId,
    component,
    portion,
    description: describePortion(component, portion),
    currency: subscription.currency,
    periodStart: period.start,
    periodEnd: period.end,
  }
}
