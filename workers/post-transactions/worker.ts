import { withOrganization } from '../../db/connection.ts'
import { listPendingTransactions } from '../../db/transactions/pending-transactions.ts'
import type { WorkerContext } from '../context.ts'
import { eachOrBisect } from '../each-or-bisect.ts'
import { defineWorker } from '../worker-definition.ts'
import { postPending } from './post-pending.ts'

const BATCH = 2000

/** Posts transactions to the ledger, oldest first; one that cannot be posted holds up no other. */
export const postTransactions = defineWorker({
  queue: 'post-transactions',
  concurrency: 1,
  schedule: { everyMs: 500, payload: {} },
  open: (context) => async () => {
    let transactions = 0
    for (;;) {
      const pending = await listPendingTransactions(context.connection, BATCH)
      const posted = await postAll(pending, context)
      transactions += posted
      // Nothing of a full batch was to be had: another worker holds it, and will do the rest as well.
      if (pending.flatMap(({ ids }) => ids).length < BATCH || posted === 0) return { transactions }
    }
  },
})

/** Posts the groups one after the other; throws the first failure when all others are done. */
async function postAll(
  pending: Awaited<ReturnType<typeof listPendingTransactions>>,
  { connection, log }: WorkerContext,
): Promise<number> {
  const failures: unknown[] = []
  let posted = 0
  for (const { organizationId, ids } of pending) {
    const post = (chunk: readonly string[]) =>
      withOrganization(connection, organizationId, (transaction) => postPending(transaction, organizationId, chunk))
    posted += await eachOrBisect(ids, log, post).catch((error: unknown) => {
      failures.push(error)
      return 0
    })
  }
  if (failures.length > 0) throw failures[0]
  return posted
}
