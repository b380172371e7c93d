import type { BillingSchedule } from '../calendar/billing-period.ts'
import { assert } from '../errors.ts'
import { startedState, statusAt } from '../subscriptions/open-subscription.ts'
import type { Trial } from '../subscriptions/trial.ts'

/** A subscription whose next step is due. */
export interface LifecycleState extends BillingSchedule, Trial {
  readonly id: string
  readonly status: string
  readonly endedAt: Temporal.Instant | null
  readonly cancelledAt: Temporal.Instant | null
  readonly currentPeriodStart: Temporal.Instant | null
  readonly currentPeriodEnd: Temporal.Instant | null
  readonly nextBillingAt: Temporal.Instant | null
  /** Whether a component is paid at the start of its period. */
  readonly paysInAdvance: boolean
  /** The zone of the customer as it is now. */
  readonly nextTimeZone: string
}

/** What a subscription becomes. */
export interface Transition {
  readonly subscriptionId: string
  readonly event: 'subscription.activated' | 'subscription.trial_ended' | 'subscription.ended'
  readonly status: 'trial_active' | 'active' | 'cancelled' | 'completed'
  readonly currentPeriodStart: Temporal.Instant | null
  readonly currentPeriodEnd: Temporal.Instant | null
  readonly nextBillingAt: Temporal.Instant | null
  readonly nextLifecycleAt: Temporal.Instant | null
  readonly timeZone: string
}

/** The step that is due: a pending subscription starts, a trial is over, a running subscription ends. */
export function lifecycleTransition(state: LifecycleState): Transition {
  if (state.status === 'pending_activation') return start(state)
  if (state.status === 'trial_active' && state.trialEndsAt !== null && outlasts(state, state.trialEndsAt)) {
    return endTrial(state, state.trialEndsAt)
  }
  assert(state.endedAt !== null, `subscription ${state.id} is due to end without an end`)
  return end(state, state.endedAt)
}

// A future start is billed from that start, however late the machine gets to it.
function start(state: LifecycleState): Transition {
  const started = { ...state, timeZone: state.nextTimeZone }
  const { currentPeriodStart, currentPeriodEnd, nextBillingAt } = startedState(started, state.startedAt)
  return {
    subscriptionId: state.id,
    event: 'subscription.activated',
    ...statusAt(state, state.startedAt),
    currentPeriodStart,
    currentPeriodEnd,
    nextBillingAt,
    timeZone: state.nextTimeZone,
  }
}

// Billing has its own date for it.
function endTrial(state: LifecycleState, trialEndsAt: Temporal.Instant): Transition {
  const { id, currentPeriodStart, currentPeriodEnd, nextBillingAt, timeZone } = state
  return {
    subscriptionId: id,
    event: 'subscription.trial_ended',
    ...statusAt(state, trialEndsAt),
    currentPeriodStart,
    currentPeriodEnd,
    nextBillingAt,
    timeZone,
  }
}

function outlasts({ endedAt }: LifecycleState, trialEndsAt: Temporal.Instant): boolean {
  return endedAt === null || Temporal.Instant.compare(trialEndsAt, endedAt) < 0
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
    timeZone: state.timeZone,
  }
}

function earlier(one: Temporal.Instant, other: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.compare(one, other) <= 0 ? one : other
}
