import { listRunningSubscriptions } from '../../db/billing/billed-subscriptions.ts'
import { rateRunning } from '../../db/billing/rate-running.ts'
import { awaitDueBills, reopenPeriods } from '../../db/billing/reopened-periods.ts'
import { saveRunningCharges } from '../../db/billing/running-charges.ts'
import { organizationNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { takeTouchedCustomers } from '../../db/usage/touched-customers.ts'
import { addUnpricedCustomers, takeUnpricedCustomers } from '../../db/usage/unpriced-customers.ts'

/**
 * Takes the marks of customers, passes them on to periods that are billed already, and notes who is to be priced. Ingestion
 * waits for this transaction, so it reads no usage.
 */
export async function takeTouched(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<void> {
  const touched = await takeTouchedCustomers(transaction, organizationId, customerIds)
  if (touched.length === 0) return
  const now = await organizationNow(transaction, organizationId)
  await awaitDueBills(transaction, organizationId, { touched, now })
  await reopenPeriods(transaction, organizationId, { touched, reopenedAt: now })
  const ids = touched.map(({ customerId }) => customerId)
  await addUnpricedCustomers(transaction, organizationId, ids)
}

/**
 * Writes down what the running periods of customers cost so far, of those that are to be priced. Usage that is committed
 * while this runs has marked its customer again. Answers with the number of customers.
 */
export async function priceCustomers(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<number> {
  const taken = await takeUnpricedCustomers(transaction, organizationId, customerIds)
  if (taken.length === 0) return 0
  const now = await organizationNow(transaction, organizationId)
  const subscriptions = await listRunningSubscriptions(transaction, organizationId, taken)
  const charges = await rateRunning(transaction, organizationId, { subscriptions, asOf: now })
  await saveRunningCharges(transaction, { organizationId, pricedAt: now, subscriptions, charges })
  return taken.length
}
