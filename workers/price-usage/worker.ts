import { withOrganization } from '../../db/connection.ts'
import { type CustomersOfOrganization, listTouchedCustomers } from '../../db/usage/touched-customers.ts'
import { listUnpricedCustomers } from '../../db/usage/unpriced-customers.ts'
import type { WorkerContext } from '../context.ts'
import { eachOrBisect } from '../each-or-bisect.ts'
import { defineWorker } from '../worker-definition.ts'
import { priceCustomers, takeTouched } from './price-customers.ts'

// Customers that are looked at in one round, and those in one transaction.
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
  open: (context) => {
    let restsUntilMs = 0
    return async () => {
      const startedAtMs = performance.now()
      if (startedAtMs < restsUntilMs) return { customers: 0 }
      const customers = await priceRound(context)
      const endedAtMs = performance.now()
      restsUntilMs = endedAtMs + Math.min(REST_RATIO * (endedAtMs - startedAtMs), MAX_REST_MS)
      return { customers }
    }
  },
})

async function priceRound({ connection, log }: Pick<WorkerContext, 'connection' | 'log'>): Promise<number> {
  const failures: unknown[] = []
  await eachBatch(await listTouchedCustomers(connection, ROUND), failures, async (organizationId, batch) => {
    await withOrganization(connection, organizationId, (transaction) => takeTouched(transaction, organizationId, batch))
  })
  let customers = 0
  // Those of a round before that did not end are among them.
  await eachBatch(await listUnpricedCustomers(connection, ROUND), failures, async (organizationId, batch) => {
    customers += await eachOrBisect(batch, log, (ids) =>
      withOrganization(connection, organizationId, (transaction) => priceCustomers(transaction, organizationId, ids)),
    )
  })
  if (failures.length > 0) throw failures[0]
  return customers
}

// What fails is tried again in the next round, and holds up nobody else.
async function eachBatch(
  groups: readonly CustomersOfOrganization[],
  failures: unknown[],
  work: (organizationId: number, customerIds: readonly number[]) => Promise<void>,
): Promise<void> {
  for (const { organizationId, customerIds } of groups) {
    for (let from = 0; from < customerIds.length; from += BATCH) {
      await work(organizationId, customerIds.slice(from, from + BATCH)).catch((error: unknown) => failures.push(error))
    }
  }
}
