import type { RouteShorthandOptions } from 'fastify'
import type { TSchema } from 'typebox'
import { subscribeToAgent } from '../../db/agents/subscribe-to-agent.ts'
import { inOrganization, type Routes } from '../context.ts'
import { failures } from '../schemas/common.ts'
import { TransactionIntake } from '../transactions/transaction-intake.ts'
import { validatorCompiler } from '../validation.ts'
import { readAgentSubscription, readTransaction } from './read-requests.ts'
import {
  AgentSubscriptionAnswer,
  CheckedSubscription,
  CheckedTransaction,
  SubscriptionCreate,
  TransactionAccepted,
  TransactionRequest,
} from './schemas.ts'
import { subscriptionView, transactionFields } from './views.ts'

/** The wire format of an agent store: subscriptions to agents, and transactions. */
export const agentStoreRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)
  const intake = new TransactionIntake(context.connection)

  server.post(
    '/billing/subscriptions',
    {
      ...checkedAs(CheckedSubscription),
      schema: {
        operationId: 'create_subscription_v1_billing_subscriptions_post',
        summary: 'Create Subscription',
        description:
          'Subscribes a user to an agent. It bills from today, in advance, each period of its plan type, at its own price.',
        tags: ['Billing'],
        body: SubscriptionCreate,
        response: {
          201: AgentSubscriptionAnswer,
          ...failures('subscription_exists', 'currency_mismatch', 'plan_archived', 'plan_exists'),
        },
      },
    },
    async (request, reply) => {
      const asked = readAgentSubscription(request.body)
      const subscription = await within(request, (transaction, id) => subscribeToAgent(transaction, id, asked))
      return reply.code(201).send(subscriptionView(asked, subscription))
    },
  )

  server.post(
    '/billing/transactions',
    {
      ...checkedAs(CheckedTransaction),
      schema: {
        operationId: 'record_transaction_v1_billing_transactions_post',
        summary: 'Record Transaction',
        description:
          'Answered once it is committed, and posted to the ledger once. The same reference with the same content gets the same answer.',
        tags: ['Billing'],
        body: TransactionRequest,
        response: { 200: TransactionAccepted, ...failures('transaction_conflict', 'database_unavailable') },
      },
    },
    async (request) => {
      const content = readTransaction(request.body, request.keyCustomerId)
      const taken = await intake.take(request.organizationId, content)
      return { ...transactionFields(taken), status: 'accepted' as const }
    },
  )
}

// The published schemas document; these check, because a JSON number is taken as its source text.
function checkedAs(schema: TSchema): Pick<RouteShorthandOptions, 'validatorCompiler'> {
  return { validatorCompiler: (part) => validatorCompiler(part.httpPart === 'body' ? { ...part, schema } : part) }
}
