import type { Static } from 'typebox'
import type { Subscription } from '../../db/subscriptions/subscriptions.ts'
import type { Transaction } from '../../db/transactions/transactions.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { Exact } from '../../shared/money/decimal.ts'
import type { AgentSubscriptionRequest } from './read-requests.ts'
import type { AgentSubscriptionAnswer, TransactionAccepted, TransactionItem } from './schemas.ts'

export function subscriptionView(
  asked: AgentSubscriptionRequest,
  subscription: Subscription,
): Static<typeof AgentSubscriptionAnswer> {
  return {
    id: subscription.id,
    agent_id: asked.externalAgentId,
    user_id: asked.externalCustomerId,
    plan_type: asked.interval,
    price_usd: exactNumber(asked.price),
    status: subscription.status,
    current_period_start: subscription.currentPeriodStart?.toString() ?? null,
    current_period_end: subscription.currentPeriodEnd?.toString() ?? null,
    created_at: subscription.createdAt.toString(),
  }
}

/** What never changes of a transaction. */
export function transactionFields(transaction: Transaction): Omit<Static<typeof TransactionAccepted>, 'status'> {
  return {
    id: transaction.id,
    amount: exactNumber(transaction.amount),
    currency: transaction.currency,
    type: transaction.type,
    reference_id: transaction.referenceId,
    agent_id: transaction.externalAgentId,
    user_id: transaction.externalCustomerId,
    description: transaction.description,
    created_at: transaction.createdAt.toString(),
  }
}

export function transactionItem(transaction: Transaction): Static<typeof TransactionItem> {
  return {
    ...transactionFields(transaction),
    status: transaction.status,
    posted_at: transaction.postedAt?.toString() ?? null,
  }
}

// A JSON number of any length; the serializer writes its digits.
function exactNumber(value: Exact): unknown {
  return parseExactJson(value.toFixed())
}
