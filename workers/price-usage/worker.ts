import { type Connection, withOrganization } from '../../db/connection.ts'
import { listTouchedCustomers } from '../../db/usage/touched-customers.ts'
import { defineWorker } from '../worker-definition.ts'
import { priceTouched } from './price-touched.ts'

// Marks that are looked at in one round, and customers that are priced in one transaction.
const ROUND = 20_000
const BATCH = 500
// Pricing takes a quarter of the time while usage keeps coming, unless a round is long; what comes meanwhile is priced once.
const REST_RATIO = 3
const MAX_REST_MS = 5_000

/** Prices the running periods of customers whose usage has changed; many events between two looks cost one pricing. */
export const priceUsage = defineWorker({
  queue: 'price-usage',
  concurrency: 1,
  schedule: { everyMs: 500, payload: {} },
  open: ({ connection }) => {
    let restsUntilMs = 0
    return async () => {
      const startedAtMs = performance.now()
      if (startedAtMs < restsUntilMs) return { customers: 0 }
      const customers = await priceRound(connection)
      const endedAtMs = performance.now()
      restsUntilMs = endedAtMs + Math.min(REST_RATIO * (endedAtMs - startedAtMs), MAX_REST_MS)
      return { customers }
    }
  },
})

// What fails is tried again in the next round, and holds up nobody else.
async function priceRound(connection: Connection): Promise<number> {
  let customers = 0
  const failures: unknown[] = []
  for (const { organizationId, customerIds } of await listTouchedCustomers(connection, ROUND)) {
    for (let from = 0; from < customerIds.length; from += BATCH) {
      const batch = customerIds.slice(from, from + BATCH)
      try {
        customers += await withOrganization(connection, organizationId, (transaction) =>
          priceTouched(transaction, organizationId, batch),
        )
      } catch (error) {
        failures.push(error)
      }
    }
  }
  if (failures.length > 0) throw failures[0]
  return customers
}
