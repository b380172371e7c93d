import { organizationNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { lockDueLifecycles, saveTransitions } from '../../db/lifecycle/transitions.ts'
import { announce } from '../../db/outbox.ts'
import { lifecycleTransition } from '../../shared/lifecycle/transition.ts'

/** Moves subscriptions through the states that are due, as many as have passed. Answers with the number moved. */
export async function applyTransitions(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<number> {
  const now = await organizationNow(transaction, organizationId)
  const due = await lockDueLifecycles(transaction, { organizationId, subscriptionIds, now })
  const transitions = due.map((subscription) => lifecycleTransition(subscription))
  await saveTransitions(transaction, organizationId, transitions)
  for (const { subscriptionId, event } of transitions) {
    await announce(transaction, { organizationId, topic: event, payload: { subscription_id: subscriptionId } })
  }
  return transitions.length
}
