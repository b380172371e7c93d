import { earlierInstant } from '../../shared/calendar/instant-range.ts'
import { type CancellationTime, cancelSubscription as decide } from '../../shared/subscriptions/cancel-subscription.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { type FoundSubscription, requireSubscription } from './require-subscription.ts'
import {
  lockSubscription,
  type Subscription,
  type SubscriptionChanges,
  updateCancelledSubscription,
} from './subscriptions.ts'

/** Cancels a subscription by id or external id; its end is carried out by the lifecycle worker when it has come. */
export async function cancelSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  reference: string,
  at: CancellationTime,
): Promise<Subscription> {
  const { id, customerId } = await requireSubscription(transaction, organizationId, reference)
  await lockSubscription(transaction, organizationId, { id, customerId })
  const subscription = await requireSubscription(transaction, organizationId, id)
  await updateCancelledSubscription(transaction, organizationId, subscription, changesOf(subscription, at))
  await announce(transaction, {
    organizationId,
    topic: 'subscription.cancelled',
    payload: { subscription_id: id },
  })
  return await requireSubscription(transaction, organizationId, id)
}

function changesOf(subscription: FoundSubscription, at: CancellationTime): SubscriptionChanges {
  const { now } = subscription
  const { kind, endedAt } = decide(subscription, at, now)
  const cancelledAt = subscription.cancelledAt ?? now
  if (kind === 'cancelled') return { status: 'cancelled', endedAt, cancelledAt, nextLifecycleAt: null }
  return { endedAt, cancelledAt, nextLifecycleAt: nextLifecycleAt(subscription, endedAt) }
}

// A subscription that still waits for its start, or whose trial runs, is looked at there first.
function nextLifecycleAt({ status, startedAt, trialEndsAt }: Subscription, endedAt: Temporal.Instant) {
  if (status === 'pending_activation') return startedAt
  return status === 'trial_active' && trialEndsAt !== null ? earlierInstant(trialEndsAt, endedAt) : endedAt
}
