import { minorUnitDigits } from '../../shared/money/currency.ts'
import { decimal, Exact } from '../../shared/money/decimal.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** What the organization holds for a customer or owes an agent in one currency. */
export interface Balance {
  readonly currency: string
  /** Major units; below zero when more was taken than was there. */
  readonly balance: Exact
  readonly updatedAt: Temporal.Instant
}

/** Whose balances: one of the two. */
export type BalanceOwner = { readonly customerId: number } | { readonly agentId: number }

/** One balance for each currency that the owner's transactions were posted in, by currency. */
export async function listBalances(
  transaction: OrganizationTransaction,
  organizationId: number,
  owner: BalanceOwner,
): Promise<readonly Balance[]> {
  const rows = await transaction
    .selectFrom('ledgerAccounts as account')
    .innerJoin('ledgerBalances as balance', 'balance.accountId', 'account.id')
    .select(['account.currency', 'balance.balanceMinor', 'balance.updatedAt'])
    .where('account.organizationId', '=', organizationId)
    .where((where) =>
      'agentId' in owner
        ? where.and([
            where('account.agentId', '=', owner.agentId),
            where('account.customerId', 'is', null),
            where('account.kind', '=', 'agent_payable'),
          ])
        : where.and([
            where('account.customerId', '=', owner.customerId),
            where('account.agentId', 'is', null),
            where('account.kind', '=', 'customer_balance'),
          ]),
    )
    .orderBy('account.currency')
    .execute()
  return rows.map(({ currency, balanceMinor, updatedAt }) => ({
    currency,
    balance: decimal(balanceMinor).div(Exact.pow(10, minorUnitDigits(currency))),
    updatedAt,
  }))
}
