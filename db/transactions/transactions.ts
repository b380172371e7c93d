import { decimal } from '../../shared/money/decimal.ts'
import type { TransactionContent } from '../../shared/transactions/transaction.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
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
  { agentKey, customerKey, type, status, ...page }: PageRequest & TransactionFilter,
): Promise<Page<Transaction>> {
  const query = selectTransactions(transaction, organizationId)
    .$if(agentKey !== undefined, (rows) => rows.where('t.agentId', '=', agentKey as number))
    .$if(customerKey !== undefined, (rows) => rows.where('t.customerId', '=', customerKey as number))
    .$if(type !== undefined, (rows) => rows.where('t.type', '=', type as string))
    .$if(status !== undefined, (rows) => rows.where('t.status', '=', status as TransactionStatus))
  const { rows, next } = await newestFirst(query, page, 't.id')
  return { rows: rows.map(transactionOf), next }
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
