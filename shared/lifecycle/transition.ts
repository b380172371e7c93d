import type { BillingSchedule } from '../calendar/billing-period.ts'
import { assert } from '../errors.ts'
import { activeState } from '../subscriptions/open-subscription.ts'

/** A subscription whose next step is due. */
export interface LifecycleState extends BillingSchedule {
  readonly id: string
  readonly status: string
  readonly endedAt: Temporal.Instant | null
  readonly cancelledAt: Temporal.Instant | null
  readonly currentPeriodStart: Temporal.Instant | null
  readonly currentPeriodEnd: Temporal.Instant | null
  readonly nextBillingAt: Temporal.Instant | null
  /** Whether a component is paid at the start of its period. */
  readonly paysInAdvance: boolean
}

/** What a subscription becomes. */
export interface Transition {
  readonly subscriptionId: string
  readonly event: 'subscription.activated' | 'subscription.ended'
  readonly status: 'active' | 'cancelled' | 'completed'
  readonly currentPeriodStart: Temporal.Instant | null
  readonly currentPeriodEnd: Temporal.Instant | null
  readonly nextBillingAt: Temporal.Instant | null
  readonly nextLifecycleAt: Temporal.Instant | null
}

/** The step that is due: a pending subscription starts, a running one ends. */
export function lifecycleTransition(state: LifecycleState): Transition {
  if (state.status === 'pending_activation') return start(state)
  assert(state.endedAt !== null, `subscription ${state.id} is due to end without an end`)
  return end(state, state.endedAt)
}

// A future start is billed from that start, however late the machine gets to it.
function start(state: LifecycleState): Transition {
  const { currentPeriodStart, currentPeriodEnd, nextBillingAt, nextLifecycleAt } = activeState(state, state.startedAt)
  return {
    subscriptionId: state.id,
    event: 'subscription.activated',
    status: 'active',
    currentPeriodStart,
    currentPeriodEnd,
    nextBillingAt,
    nextLifecycleAt,
  }
}

// The last bill is due at the end; bills of earlier periods that are still open come before it.
function end(state: LifecycleState, endedAt: Temporal.Instant): Transition {
  return {
    subscriptionId: state.id,
    event: 'subscription.ended',
    status: state.cancelledAt === null ? 'completed' : 'cancelled',
    currentPeriodStart: state.currentPeriodStart,
    currentPeriodEnd: state.currentPeriodEnd,
    nextBillingAt: state.nextBillingAt === null ? null : earlier(state.nextBillingAt, endedAt),
    nextLifecycleAt: null,
  }
}

function earlier(one: Temporal.Instant, other: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(one, other) <= 0 ? one : other
}
