import type { Static } from 'typebox'
import type { AgentPlanTerms } from '../../db/agents/agent-plans.ts'
import { INTERVALS } from '../../shared/calendar/interval.ts'
import { AppError, type Issue, validationError } from '../../shared/errors.ts'
import { minorUnitDigits } from '../../shared/money/currency.ts'
import { type Exact, ZERO } from '../../shared/money/decimal.ts'
import { roundHalfAwayFromZero } from '../../shared/money/round.ts'
import { type AmountBounds, readAmount } from '../../shared/transactions/exact-amount.ts'
import { MAX_AMOUNT_DECIMALS, type TransactionContent } from '../../shared/transactions/transaction.ts'
import { transactionType } from '../../shared/transactions/transaction-type.ts'
import type { CheckedSubscription, CheckedTransaction } from './schemas.ts'

/** What a request for a subscription comes down to. */
export interface AgentSubscriptionRequest extends AgentPlanTerms {
  readonly externalCustomerId: string
  readonly price: Exact
}

// The page names its price in dollars.
const PRICE_CURRENCY = 'USD'
const DEFAULT_PRICE = '9.99'
const DEFAULT_PLAN_TYPE = 'monthly'

/** Throws `validation_error` naming every fault. */
export function readAgentSubscription(body: Static<typeof CheckedSubscription>): AgentSubscriptionRequest {
  const issues: Issue[] = []
  const planType = body.plan_type ?? DEFAULT_PLAN_TYPE
  const interval = INTERVALS.find((name) => name === planType)
  if (interval === undefined) {
    issues.push({ loc: ['body', 'plan_type'], msg: `must be one of ${INTERVALS.join(', ')}`, type: 'enum' })
  }
  const bounds = { loc: ['body', 'price_usd'], maxDecimals: minorUnitDigits(PRICE_CURRENCY), mayBeNegative: false }
  const price = amountOf(body.price_usd === undefined ? DEFAULT_PRICE : body.price_usd, bounds, issues)
  if (issues.length > 0 || interval === undefined) throw validationError(issues)
  return {
    externalAgentId: body.agent_id,
    externalCustomerId: body.user_id,
    interval,
    currency: PRICE_CURRENCY,
    price,
    // Exact: it has no more digits than the currency.
    amountMinor: roundHalfAwayFromZero(price, PRICE_CURRENCY),
  }
}

/**
 * The customer is that of the key, else the one that is named. Throws `validation_error` naming every fault, and
 * `forbidden` when the key's customer speaks for another.
 */
export function readTransaction(
  body: Static<typeof CheckedTransaction>,
  keyCustomerId: string | null,
): TransactionContent {
  const issues: Issue[] = []
  const type = transactionType(body.type)
  const bounds = { loc: ['body', 'amount'], maxDecimals: MAX_AMOUNT_DECIMALS, mayBeNegative: type === 'adjustment' }
  const amount = amountOf(body.amount, bounds, issues)
  if (issues.length > 0) throw validationError(issues)
  const externalCustomerId = body.user_id ?? keyCustomerId
  if (keyCustomerId !== null && externalCustomerId !== keyCustomerId) {
    throw new AppError('forbidden', `the API key speaks for one customer, who is not "${externalCustomerId}"`)
  }
  return {
    referenceId: body.reference_id,
    type,
    amount,
    externalAgentId: body.agent_id ?? null,
    externalCustomerId,
    description: body.description ?? null,
  }
}

// A faulty amount reads as zero, so that one answer names all faults.
function amountOf(value: unknown, bounds: AmountBounds, issues: Issue[]): Exact {
  const read = readAmount(value, bounds)
  if ('amount' in read) return read.amount
  issues.push(read.issue)
  return ZERO
}
