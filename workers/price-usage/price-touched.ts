import { type BilledSubscription, listRunningSubscriptions } from '../../db/billing/billed-subscriptions.ts'
import { loadRatings } from '../../db/billing/load-rating.ts'
import { awaitDueBills, reopenPeriods } from '../../db/billing/reopened-periods.ts'
import { saveRunningCharges } from '../../db/billing/running-charges.ts'
import { organizationNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { takeTouchedCustomers } from '../../db/usage/touched-customers.ts'
import { storedPeriod } from '../../shared/calendar/billing-period.ts'
import { assert } from '../../shared/errors.ts'
import { rateSubscription } from '../../shared/invoicing/rate-subscription.ts'
import { billedParts } from '../../shared/invoicing/trial-periods.ts'

/**
 * Takes the marks of customers, passes them on to periods that are billed already, and writes down what the running ones
 * cost so far. Usage that is committed while
 * this runs marks its customer again. Answers with the number of customers.
 */
export async function priceTouched(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<number> {
  const taken = await takeTouchedCustomers(transaction, organizationId, customerIds)
  if (taken.length === 0) return 0
  const now = await organizationNow(transaction, organizationId)
  await awaitDueBills(transaction, organizationId, { touched: taken, now })
  await reopenPeriods(transaction, organizationId, { touched: taken, reopenedAt: now })
  const ids = taken.map(({ customerId }) => customerId)
  const subscriptions = await listRunningSubscriptions(transaction, organizationId, ids)
  const requests = subscriptions.map((subscription) => ({
    subscription,
    ...billedParts(runningPeriod(subscription), subscription),
    advancePeriod: undefined,
    asOf: now,
  }))
  const ratings = await loadRatings(transaction, organizationId, requests)
  const charges = requests.flatMap(({ subscription }, index) => {
    const input = ratings[index]?.input
    assert(input !== undefined, 'a running period was not rated')
    return rateSubscription(input).map((line) => ({ subscription, line }))
  })
  await saveRunningCharges(transaction, { organizationId, pricedAt: now, subscriptions, charges })
  return taken.length
}

function runningPeriod(subscription: BilledSubscription) {
  const { id, currentPeriodStart: start, currentPeriodEnd: end } = subscription
  assert(start !== null && end !== null, `subscription ${id} has no running period`)
  return storedPeriod(subscription, { start, end })
}
