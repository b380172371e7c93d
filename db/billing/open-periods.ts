import {
  type BillingPeriod,
  billingPeriodAt,
  nextBillingPeriod,
  storedPeriod,
  truncatePeriod,
} from '../../shared/calendar/billing-period.ts'
import { contains, laterInstant } from '../../shared/calendar/instant-range.ts'
import { billedParts } from '../../shared/invoicing/trial-periods.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { instantValue } from '../instant.ts'
import { type BilledSubscription, listRunningSubscriptions } from './billed-subscriptions.ts'
import type { RatingRequest } from './load-rating.ts'
import { draftRequests } from './refresh-drafts.ts'

/** A period that usage is billed in. */
export interface OpenPeriod {
  readonly request: RatingRequest
  /** The invoice of a period that is over; null where there is none yet. */
  readonly invoiceId: string | null
}

/**
 * The periods of a customer that an event could be billed in: of each subscription the one that runs, or a later one
 * where the event is later; and those over that are still drafts. Whether it counts there is for the questions to say.
 */
export async function listOpenPeriods(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, event, now }: { customerId: number; event: UsageEvent; now: Temporal.Instant },
): Promise<OpenPeriod[]> {
  const at = Temporal.Instant.from(isoOfMicros(event.timestampMicros))
  const running = await listRunningSubscriptions(transaction, organizationId, [customerId])
  const drafts = await selectDrafts(transaction, organizationId, { customerId, at })
  const requests = await draftRequests(transaction, organizationId, drafts)
  return [
    ...requests.map((request, place) => ({ request, invoiceId: drafts[place]?.id ?? null })),
    ...running.map((subscription) => ({
      request: { ...runningRequest(subscription, at), asOf: laterInstant(now, at) },
      invoiceId: null,
    })),
  ]
}

/** The periods of a customer that hold an instant, whether they are billed or not. */
export async function listPeriodsAt(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, at }: { customerId: number; at: Temporal.Instant },
): Promise<OpenPeriod[]> {
  const running = await listRunningSubscriptions(transaction, organizationId, [customerId])
  const billed = await selectBilled(transaction, organizationId, { customerId, at })
    .where('holdsClaim', '=', true)
    .where('periodStart', '<=', instantValue(at))
    .execute()
  const requests = await draftRequests(transaction, organizationId, billed)
  const periods = [
    ...requests.map((request, place) => ({ request, invoiceId: billed[place]?.id ?? null })),
    ...running.map((subscription) => ({ request: runningRequest(subscription, at), invoiceId: null })),
  ]
  return periods.filter(({ request }) => request.period !== undefined && contains(request.period, at))
}

async function selectDrafts(
  transaction: OrganizationTransaction,
  organizationId: number,
  time: { customerId: number; at: Temporal.Instant },
) {
  return await selectBilled(transaction, organizationId, time).where('status', '=', 'draft').execute()
}

// A period that was over before the event cannot have it any more.
function selectBilled(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, at }: { customerId: number; at: Temporal.Instant },
) {
  return transaction
    .selectFrom('invoices')
    .select(['id', 'customerId', 'subscriptionId', 'kind', 'periodStart', 'periodEnd', 'timeZone'])
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .where('kind', '=', 'subscription_cycle')
    .where('periodEnd', '>', instantValue(at))
    .orderBy('issuedAt')
    .orderBy('id')
}

function runningRequest(subscription: BilledSubscription, at: Temporal.Instant): RatingRequest {
  const { period, timeZone } = periodFor(subscription, at)
  const zoned = { ...subscription, timeZone }
  return { subscription: zoned, ...billedParts(period, zoned), advancePeriod: undefined }
}

interface ZonedPeriod {
  readonly period: BillingPeriod | undefined
  readonly timeZone: string
}

function periodFor(subscription: BilledSubscription, at: Temporal.Instant): ZonedPeriod {
  const { currentPeriodStart: start, currentPeriodEnd: end, endedAt, timeZone, nextTimeZone } = subscription
  if (start === null || end === null) return { period: undefined, timeZone }
  const current = storedPeriod(subscription, { start, end })
  const cut = (period: BillingPeriod, zone: string): ZonedPeriod => ({
    period: endedAt === null ? period : truncatePeriod(period, endedAt, zone),
    timeZone: zone,
  })
  const isOver = endedAt !== null && Temporal.Instant.compare(endedAt, at) <= 0
  if (isOver || Temporal.Instant.compare(at, current.end) < 0) return cut(current, timeZone)
  const next = nextBillingPeriod(subscription, current, nextTimeZone)
  if (Temporal.Instant.compare(at, next.end) < 0) return cut(next, nextTimeZone)
  return cut(billingPeriodAt({ ...subscription, timeZone: nextTimeZone, at }), nextTimeZone)
}
