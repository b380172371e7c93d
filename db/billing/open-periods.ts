import {
  type BillingPeriod,
  billingPeriodAt,
  nextBillingPeriod,
  storedPeriod,
  truncatePeriod,
} from '../../shared/calendar/billing-period.ts'
import { laterInstant } from '../../shared/calendar/instant-range.ts'
import { billedParts } from '../../shared/invoicing/trial-periods.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { instantValue } from '../instant.ts'
import { type BilledSubscription, listRunningSubscriptions } from './billed-subscriptions.ts'
import type { RatingRequest } from './load-rating.ts'
import { draftRequests } from './refresh-drafts.ts'

/** A period whose usage can still change a bill. */
export interface OpenPeriod {
  readonly request: RatingRequest
  /** The draft of a period that is over; null where there is none yet. */
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

// One that was over before the event cannot have it any more.
async function selectDrafts(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, at }: { customerId: number; at: Temporal.Instant },
) {
  return await transaction
    .selectFrom('invoices')
    .select(['id', 'customerId', 'subscriptionId', 'kind', 'periodStart', 'periodEnd', 'timeZone'])
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .where('status', '=', 'draft')
    .where('kind', '=', 'subscription_cycle')
    .where('periodEnd', '>', instantValue(at))
    .orderBy('issuedAt')
    .orderBy('id')
    .execute()
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
