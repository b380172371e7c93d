import {
  type BillingPeriod,
  type BillingSchedule,
  billingPeriodAt,
  nextBillingPeriod,
  truncatePeriod,
} from '../calendar/billing-period.ts'

/** Where a subscription stands between two bills. */
export interface BillingState extends BillingSchedule {
  readonly endedAt: Temporal.Instant | null
  readonly currentPeriodStart: Temporal.Instant
  readonly currentPeriodEnd: Temporal.Instant
  /** When the next bill is due: the start of the current period for what is paid in advance, otherwise its end. */
  readonly nextBillingAt: Temporal.Instant
}

/** What one bill is for, and where the subscription stands after it. */
export interface DueBill {
  readonly kind: 'subscription_create' | 'subscription_cycle'
  readonly dueAt: Temporal.Instant
  /** The period that is over; absent when only the start is billed. */
  readonly period: BillingPeriod | undefined
  /** The period that begins; absent after the end. */
  readonly advancePeriod: BillingPeriod | undefined
  readonly next: {
    readonly currentPeriodStart: Temporal.Instant | null
    readonly currentPeriodEnd: Temporal.Instant | null
    readonly nextBillingAt: Temporal.Instant | null
  }
}

/** The next bill of a subscription. It is the caller's matter whether it is due yet. */
export function dueBill(state: BillingState): DueBill {
  const current = billingPeriodAt({ ...state, at: state.currentPeriodStart })
  return Temporal.Instant.compare(state.nextBillingAt, current.start) <= 0 && !endsBy(state, current.start)
    ? startBill(state, current)
    : cycleBill(state, current)
}

function startBill(state: BillingState, current: BillingPeriod): DueBill {
  return {
    kind: 'subscription_create',
    dueAt: state.nextBillingAt,
    period: undefined,
    advancePeriod: current,
    next: {
      currentPeriodStart: current.start,
      currentPeriodEnd: current.end,
      nextBillingAt: endsBy(state, current.end) ? state.endedAt : current.end,
    },
  }
}

function cycleBill(state: BillingState, current: BillingPeriod): DueBill {
  const { endedAt } = state
  if (endedAt !== null && endsBy(state, current.end)) {
    return {
      kind: 'subscription_cycle',
      dueAt: endedAt,
      period: truncatePeriod(current, endedAt, state.timeZone),
      advancePeriod: undefined,
      next: { currentPeriodStart: null, currentPeriodEnd: null, nextBillingAt: null },
    }
  }
  const following = nextBillingPeriod(state, current)
  return {
    kind: 'subscription_cycle',
    dueAt: current.end,
    period: current,
    advancePeriod: following,
    next: {
      currentPeriodStart: following.start,
      currentPeriodEnd: following.end,
      nextBillingAt: endsBy(state, following.end) ? endedAt : following.end,
    },
  }
}

function endsBy({ endedAt }: BillingState, instant: Temporal.Instant): boolean {
  return endedAt !== null && Temporal.Instant.compare(endedAt, instant) <= 0
}
