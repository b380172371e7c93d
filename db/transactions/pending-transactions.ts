import { sql } from 'kysely'
import { assert } from '../../shared/errors.ts'
import { decimal } from '../../shared/money/decimal.ts'
import type { MovingTransaction } from '../../shared/transactions/movement.ts'
import type { Connection, OrganizationTransaction } from '../connection.ts'

/** Transactions that wait to be posted, oldest first, over all organizations, a group per organization. */
export async function listPendingTransactions(
  connection: Connection,
  limit: number,
): Promise<{ readonly organizationId: number; readonly ids: readonly string[] }[]> {
  const rows = await connection
    .selectFrom('transactions')
    .select(['organizationId', 'id'])
    .where('status', '=', 'pending')
    .orderBy('id')
    .limit(limit)
    .execute()
  return [...Map.groupBy(rows, (row) => row.organizationId)].map(([organizationId, group]) => ({
    organizationId,
    ids: group.map(({ id }) => id),
  }))
}

/** A transaction under posting. */
export interface PendingTransaction extends MovingTransaction {
  readonly id: string
  readonly currency: string
}

/** Those that are still pending, locked until the transaction ends; those that another worker holds are left out. */
export async function lockPendingTransactions(
  transaction: OrganizationTransaction,
  organizationId: number,
  ids: readonly string[],
): Promise<readonly PendingTransaction[]> {
  const rows = await transaction
    .selectFrom('transactions')
    .select(['id', 'type', 'amount', 'currency', 'customerId', 'agentId'])
    .where('organizationId', '=', organizationId)
    .where('id', '=', sql<string>`any (${ids}::uuid[])`)
    .where('status', '=', 'pending')
    .orderBy('id')
    .forUpdate()
    .skipLocked()
    .execute()
  return rows.map(({ amount, ...row }) => ({ ...row, amount: decimal(amount) }))
}

export async function markPosted(
  transaction: OrganizationTransaction,
  organizationId: number,
  { ids, postedAt }: { readonly ids: readonly string[]; readonly postedAt: Temporal.Instant },
): Promise<void> {
  const { numUpdatedRows } = await transaction
    .updateTable('transactions')
    .set({ status: 'posted', postedAt: postedAt.toString() })
    .where('organizationId', '=', organizationId)
    .where('id', '=', sql<string>`any (${ids}::uuid[])`)
    .executeTakeFirst()
  assert(Number(numUpdatedRows) === ids.length, 'a transaction was posted that is not there')
}
