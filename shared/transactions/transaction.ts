import type { Exact } from '../money/decimal.ts'

/** The digits that the amount of a transaction may have after its point: a single token may cost a millionth. */
export const MAX_AMOUNT_DECIMALS = 12

/** A transaction as its sender describes it; two of one reference are the same when all of it is equal. */
export interface TransactionContent {
  readonly referenceId: string
  /** In its one spelling. */
  readonly type: string
  /** Major units of the organization's currency, exact; below zero only for an adjustment. */
  readonly amount: Exact
  readonly externalAgentId: string | null
  readonly externalCustomerId: string | null
  readonly description: string | null
}

/** Whether both say the same; 5 and 5.00 are one amount. */
export function isSameTransaction(one: TransactionContent, other: TransactionContent): boolean {
  return (
    one.referenceId === other.referenceId &&
    one.type === other.type &&
    one.amount.equals(other.amount) &&
    one.externalAgentId === other.externalAgentId &&
    one.externalCustomerId === other.externalCustomerId &&
    one.description === other.description
  )
}
