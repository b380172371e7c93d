import { withOrganization } from '../../db/connection.ts'
import { listTouchedCustomers } from '../../db/usage/touched-customers.ts'
import { defineWorker } from '../worker-definition.ts'
import { priceTouched } from './price-touched.ts'

const BATCH = 500

/** Prices the running periods of customers whose usage has changed; many events between two looks cost one pricing. */
export const priceUsage = defineWorker({
  queue: 'price-usage',
  concurrency: 1,
  schedule: { everyMs: 500, payload: {} },
  open:
    ({ connection }) =>
    async () => {
      let customers = 0
      for (;;) {
        const touched = await listTouchedCustomers(connection, BATCH)
        for (const { organizationId, customerIds } of touched) {
          customers += await withOrganization(connection, organizationId, (transaction) =>
            priceTouched(transaction, organizationId, customerIds),
          )
        }
        if (touched.flatMap(({ customerIds }) => customerIds).length < BATCH) return { customers }
      }
    },
})
