import { listRunningSubscriptions } from '../../db/billing/billed-subscriptions.ts'
import { rateRunning } from '../../db/billing/rate-running.ts'
import { awaitDueBills, reopenPeriods } from '../../db/billing/reopened-periods.ts'
import { saveRunningCharges } from '../../db/billing/running-charges.ts'
import { organizationNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { takeTouchedCustomers } from '../../db/usage/touched-customers.ts'

/**
 * Takes the marks of customers, passes them on to periods that are billed already, and writes down what the running ones
 * cost so far. Usage that is committed while this runs marks its customer again. Answers with the number of customers.
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
  const charges = await rateRunning(transaction, organizationId, { subscriptions, asOf: now })
  await saveRunningCharges(transaction, { organizationId, pricedAt: now, subscriptions, charges })
  return taken.length
}
