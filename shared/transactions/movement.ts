import { assert } from '../errors.ts'
import type { Exact } from '../money/decimal.ts'
import { isMovingType, type MovingType } from './transaction-type.ts'

/** The accounts that transactions move money between. */
export type AccountKind = 'cash' | 'customer_balance' | 'agent_payable' | 'revenue' | 'unassigned' | 'adjustments'

/** One account of the ledger; it belongs to a customer, to an agent, or to the organization itself. */
export interface Account {
  readonly kind: AccountKind
  readonly customerId: number | null
  readonly agentId: number | null
}

/** Money on its way from the account that is debited to the one that is credited; the amount is above zero. */
export interface Movement {
  readonly debit: Account
  readonly credit: Account
  readonly amount: Exact
}

/** What decides where the money of a transaction goes. */
export interface MovingTransaction {
  readonly type: string
  /** Major units; below zero only for an adjustment. */
  readonly amount: Exact
  readonly customerId: number | null
  readonly agentId: number | null
}

/** The movement of a transaction; undefined for a memo entry and for an amount of zero. */
export function movementOf({ type, amount, ...parties }: MovingTransaction): Movement | undefined {
  if (!isMovingType(type) || amount.isZero()) return undefined
  assert(amount.greaterThan(0) || type === 'adjustment', `a ${type} of ${amount} is below zero`)
  const [debit, credit] = accountsOf(type, parties)
  return amount.greaterThan(0) ? { debit, credit, amount } : { debit: credit, credit: debit, amount: amount.negated() }
}

type Parties = Pick<MovingTransaction, 'customerId' | 'agentId'>

function accountsOf(type: MovingType, parties: Parties): readonly [debit: Account, credit: Account] {
  switch (type) {
    case 'topup':
      return [own('cash'), holder(parties)]
    case 'purchase':
    case 'usage':
      return [buyer(parties), seller(parties)]
    case 'refund':
      return [seller(parties), buyer(parties)]
    case 'payout':
      return [payee(parties), own('cash')]
    case 'adjustment':
      return [own('adjustments'), holder(parties)]
  }
}

// Whose balance it is: the customer's, else the agent's alone, else nobody's yet.
function holder({ customerId, agentId }: Parties): Account {
  return ofCustomer(customerId) ?? ofAgent(agentId) ?? own('unassigned')
}

// Who is not named has paid outside.
function buyer({ customerId }: Parties): Account {
  return ofCustomer(customerId) ?? own('cash')
}

function seller({ agentId }: Parties): Account {
  return ofAgent(agentId) ?? own('revenue')
}

function payee({ customerId, agentId }: Parties): Account {
  return ofAgent(agentId) ?? ofCustomer(customerId) ?? own('unassigned')
}

function ofCustomer(customerId: number | null): Account | undefined {
  return customerId === null ? undefined : { kind: 'customer_balance', customerId, agentId: null }
}

function ofAgent(agentId: number | null): Account | undefined {
  return agentId === null ? undefined : { kind: 'agent_payable', customerId: null, agentId }
}

function own(kind: AccountKind): Account {
  return { kind, customerId: null, agentId: null }
}
