import { organizationNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { type PostedMovement, postMovements } from '../../db/ledger/post-movements.ts'
import {
  lockPendingTransactions,
  markPosted,
  type PendingTransaction,
} from '../../db/transactions/pending-transactions.ts'
import { assert } from '../../shared/errors.ts'
import { movementOf } from '../../shared/transactions/movement.ts'

/**
 * Posts those of the transactions that are still pending, each once: posting and mark commit together. Answers with
 * their number.
 */
export async function postPending(
  transaction: OrganizationTransaction,
  organizationId: number,
  ids: readonly string[],
): Promise<number> {
  const pending = await lockPendingTransactions(transaction, organizationId, ids)
  if (pending.length === 0) return 0
  const postedAt = await organizationNow(transaction, organizationId)
  await postMovements(transaction, organizationId, { movements: pending.map(postedMovement), postedAt })
  await markPosted(transaction, organizationId, { ids: pending.map(({ id }) => id), postedAt })
  return pending.length
}

function postedMovement(pending: PendingTransaction): PostedMovement {
  const movement = movementOf(pending)
  assert(movement !== undefined, `transaction ${pending.id} is pending and moves nothing`)
  const { id: transactionId, type: reason, currency, customerId } = pending
  return { ...movement, transactionId, reason, currency, customerId }
}
