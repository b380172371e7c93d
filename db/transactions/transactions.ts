import { decimal } from '../../shared/money/decimal.ts'
import type { TransactionContent } from '../../shared/transactions/transaction.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { type Page, type PageRequest, pageOf } from '../paging.ts'
import type { TransactionStatus } from '../schema.ts'

/** A transaction as it was taken in, and what became of it. */
export interface Transaction extends TransactionContent {
  readonly id: string
  readonly currency: string
  readonly status: TransactionStatus
  readonly createdAt: Temporal.Instant
  readonly postedAt: Temporal.Instant | null
}

export async function listTransactionsByReference(
  transaction: OrganizationTransaction,
  organizationId: number,
  referenceIds: readonly string[],
): Promise<readonly Transaction[]> {
  const rows = await selectTransactions(transaction, organizationId)
    .where('t.referenceId', 'in', referenceIds)
    .execute()
  return rows.map(transactionOf)
}

/** Keys that nobody has are left to the caller: there is nothing to list then. */
export interface TransactionFilter {
  readonly agentKey: number | undefined
  readonly customerKey: number | undefined
  readonly type: string | undefined
  readonly status: TransactionStatus | undefined
}

/** Newest first. */
export async function listTransactions(
  transaction: OrganizationTransaction,
  organizationId: number,
  { limit, after, agentKey, customerKey, type, status }: PageRequest & TransactionFilter,
): Promise<Page<Transaction>> {
  const rows = await selectTransactions(transaction, organizationId)
    .$if(agentKey !== undefined, (query) => query.where('t.agentId', '=', agentKey as number))
    .$if(customerKey !== undefined, (query) => query.where('t.customerId', '=', customerKey as number))
    .$if(type !== undefined, (query) => query.where('t.type', '=', type as string))
    .$if(status !== undefined, (query) => query.where('t.status', '=', status as TransactionStatus))
    .$if(after !== undefined, (query) => query.where('t.id', '<', after ?? ''))
    .orderBy('t.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows.map(transactionOf), limit, (row) => row.id)
}

function selectTransactions(transaction: OrganizationTransaction, organizationId: number) {
  return transaction
    .selectFrom('transactions as t')
    .leftJoin('agents as a', 'a.agentId', 't.agentId')
    .leftJoin('customers as c', 'c.customerId', 't.customerId')
    .select([
      't.id',
      't.referenceId',
      't.type',
      't.amount',
      't.currency',
      't.description',
      't.status',
      't.createdAt',
      't.postedAt',
      'a.externalId as externalAgentId',
      'c.externalId as externalCustomerId',
    ])
    .where('t.organizationId', '=', organizationId)
}

type TransactionRow = Omit<Transaction, 'amount'> & { readonly amount: string }

function transactionOf({ amount, ...row }: TransactionRow): Transaction {
  return { ...row, amount: decimal(amount) }
}
