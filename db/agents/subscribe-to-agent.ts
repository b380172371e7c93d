import { AppError } from '../../shared/errors.ts'
import { registerCustomer } from '../catalogue/register-customer.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { createSubscription } from '../subscriptions/create-subscription.ts'
import type { Subscription } from '../subscriptions/subscriptions.ts'
import { type AgentPlanTerms, ensureAgentPlan } from './agent-plans.ts'
import { lockAgent } from './agents.ts'
import { joinedCode } from './joined-code.ts'

/**
 * Subscribes a customer to an agent's product from now on, in advance and by the day of the start, at a price of its
 * own. The customer is registered if need be. Throws `subscription_exists` while an earlier one of the two is live.
 */
export async function subscribeToAgent(
  transaction: OrganizationTransaction,
  organizationId: number,
  { externalCustomerId, ...terms }: AgentPlanTerms & { readonly externalCustomerId: string },
): Promise<Subscription> {
  const agentId = await lockAgent(transaction, organizationId, terms.externalAgentId)
  const plan = await ensureAgentPlan(transaction, organizationId, { ...terms, agentId })
  await registerCustomer(transaction, organizationId, externalCustomerId)
  const request = {
    externalCustomerId,
    planCode: plan.code,
    // The unique key of live subscriptions makes it one per agent and customer, whatever the plan.
    externalId: joinedCode('agent', [terms.externalAgentId, externalCustomerId]),
    name: null,
    startedAt: null,
    endedAt: null,
    billingTime: 'anniversary' as const,
    ownEventsOnly: false,
    priceOverrides: { amountMinor: terms.amountMinor, charges: [] },
  }
  return await createSubscription(transaction, organizationId, request).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.code !== 'subscription_exists') throw error
    const message = `"${externalCustomerId}" has a live subscription of the agent "${terms.externalAgentId}" already`
    throw new AppError('subscription_exists', message)
  })
}
