import { storedPeriod } from '../../shared/calendar/billing-period.ts'
import { assert } from '../../shared/errors.ts'
import { rateSubscription } from '../../shared/invoicing/rate-subscription.ts'
import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import { billedParts } from '../../shared/invoicing/trial-periods.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { BilledSubscription } from './billed-subscriptions.ts'
import { loadRatings } from './load-rating.ts'

/** A line of what a running period costs so far. */
export interface RunningCharge {
  readonly subscription: BilledSubscription
  readonly line: RatedLine
}

/** What the running periods of subscriptions cost so far, as of a time. */
export async function rateRunning(
  transaction: OrganizationTransaction,
  organizationId: number,
  { subscriptions, asOf }: { subscriptions: readonly BilledSubscription[]; asOf: Temporal.Instant },
): Promise<readonly RunningCharge[]> {
  const requests = subscriptions.map((subscription) => ({
    subscription,
    ...billedParts(runningPeriod(subscription), subscription),
    advancePeriod: undefined,
    asOf,
  }))
  const ratings = await loadRatings(transaction, organizationId, requests)
  return requests.flatMap(({ subscription }, index) => {
    const input = ratings[index]?.input
    assert(input !== undefined, 'a running period was not rated')
    return rateSubscription(input).map((line) => ({ subscription, line }))
  })
}

function runningPeriod(subscription: BilledSubscription) {
  const { id, currentPeriodStart: start, currentPeriodEnd: end } = subscription
  assert(start !== null && end !== null, `subscription ${id} has no running period`)
  return storedPeriod(subscription, { start, end })
}
