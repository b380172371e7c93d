import {
  type BillingPeriod,
  type BillingSchedule,
  nextBillingPeriod,
  storedPeriod,
  truncatePeriod,
} from '../calendar/billing-period.ts'
import { earlierInstant } from '../calendar/instant-range.ts'
import { freeUntil, isInTrial, nextBillAt, type Trial } from '../subscriptions/trial.ts'
import { type FeePeriod, feePeriod } from './trial-periods.ts'

/** Where a subscription stands between two bills. */
export interface BillingState extends BillingSchedule, Trial {
  readonly endedAt: Temporal.Instant | null
  readonly currentPeriodStart: Temporal.Instant
  readonly currentPeriodEnd: Temporal.Instant
  /**
   * When the next bill is due: for what is paid in advance the start of the current period, or the end of a free trial in
   * it; otherwise the end of the period.
   */
  readonly nextBillingAt: Temporal.Instant
  /** Whether a component is paid at the start of its period. */
  readonly paysInAdvance: boolean
  /** The zone of the customer as it is now: that of the next period. */
  readonly nextTimeZone: string
}

/** What one bill is for, and where the subscription stands after it. */
export interface DueBill {
  readonly kind: 'subscription_create' | 'subscription_cycle'
  readonly dueAt: Temporal.Instant
  /** The period that is over; absent when only the start is billed. */
  readonly period: BillingPeriod | undefined
  /** The days to be paid of the period that begins, up to an end that is known; absent after the end and in a free trial. */
  readonly advancePeriod: FeePeriod | undefined
  readonly next: {
    readonly currentPeriodStart: Temporal.Instant | null
    readonly currentPeriodEnd: Temporal.Instant | null
    readonly nextBillingAt: Temporal.Instant | null
    /** Of the current period. */
    readonly timeZone: string
  }
}

/** The next bill of a subscription. It is the caller's matter whether it is due yet. */
export function dueBill(state: BillingState): DueBill {
  const current = storedPeriod(state, { start: state.currentPeriodStart, end: state.currentPeriodEnd })
  return isFeeDue(state, current) ? startBill(state, current) : cycleBill(state, current)
}

// Before the end of its period only what is paid in advance is due, at the start or after a free trial.
function isFeeDue(state: BillingState, current: BillingPeriod): boolean {
  const { nextBillingAt, endedAt } = state
  if (endsBy(state, current.start)) return false
  if (Temporal.Instant.compare(nextBillingAt, current.start) <= 0) return true
  const isEnd = endedAt !== null && endsBy(state, nextBillingAt)
  return !isEnd && Temporal.Instant.compare(nextBillingAt, current.end) < 0
}

function startBill(state: BillingState, current: BillingPeriod): DueBill {
  return {
    kind: 'subscription_create',
    dueAt: state.nextBillingAt,
    period: undefined,
    advancePeriod: paidPart(state, current),
    next: nextOf(state, current, state.nextBillingAt),
  }
}

function cycleBill(state: BillingState, current: BillingPeriod): DueBill {
  const { endedAt, timeZone, nextTimeZone } = state
  if (endedAt !== null && endsBy(state, current.end)) {
    return {
      kind: 'subscription_cycle',
      dueAt: endedAt,
      period: truncatePeriod(current, endedAt, timeZone),
      advancePeriod: undefined,
      next: { currentPeriodStart: null, currentPeriodEnd: null, nextBillingAt: null, timeZone },
    }
  }
  const dueAt = state.nextBillingAt
  const following = nextBillingPeriod(state, current, nextTimeZone)
  const nextState = { ...state, timeZone: nextTimeZone }
  const isPaid = !isInTrial(freeUntil(state), dueAt) && !endsBy(state, dueAt)
  return {
    kind: 'subscription_cycle',
    dueAt,
    period: current,
    advancePeriod: isPaid ? paidPart(nextState, following) : undefined,
    next: nextOf(nextState, following, dueAt),
  }
}

// What is known not to run is not paid ahead.
function paidPart(state: BillingState, period: BillingPeriod): FeePeriod {
  const { endedAt, timeZone } = state
  return feePeriod(endedAt === null ? period : truncatePeriod(period, endedAt, timeZone), state)
}

function nextOf(state: BillingState, period: BillingPeriod, billedAt: Temporal.Instant): DueBill['next'] {
  const { endedAt, timeZone } = state
  const nextBillingAt = nextBillAt(state, period, billedAt)
  return {
    currentPeriodStart: period.start,
    currentPeriodEnd: period.end,
    nextBillingAt: endedAt === null ? nextBillingAt : earlierInstant(endedAt, nextBillingAt),
    timeZone,
  }
}

function endsBy({ endedAt }: BillingState, instant: Temporal.Instant): boolean {
  return endedAt !== null && Temporal.Instant.compare(endedAt, instant) <= 0
}
