import { billingPeriodAt } from '../calendar/billing-period.ts'
import { earlierInstant } from '../calendar/instant-range.ts'
import type { BillingTime, Interval } from '../calendar/interval.ts'
import { type Issue, validationError } from '../errors.ts'
import { freeUntil, isInTrial, nextBillAt, type Trial } from './trial.ts'

/** What the beginning of a subscription follows from. */
export interface SubscriptionTerms extends Trial {
  readonly startedAt: Temporal.Instant
  readonly endedAt: Temporal.Instant | null
  readonly interval: Interval
  readonly billingTime: BillingTime
  readonly timeZone: string
  /** Whether any part of the plan is paid at the start of its period. */
  readonly paysInAdvance: boolean
  /** Whether a start in the past is billed from that start. */
  readonly backfillInvoices?: boolean
}

/** What a subscription does next, and when somebody must look at it. */
export interface SubscriptionState {
  readonly status: 'pending_activation' | 'trial_active' | 'active'
  readonly currentPeriodStart: Temporal.Instant | null
  readonly currentPeriodEnd: Temporal.Instant | null
  readonly nextBillingAt: Temporal.Instant | null
  readonly nextLifecycleAt: Temporal.Instant | null
}

/**
 * The first state of a subscription. One that starts later waits. One that started earlier begins with the period that
 * runs now, and periods that were over before it was created are never billed; unless they are asked for: then it begins
 * with its first period, and the bills of all that are over are due at once.
 */
export function openSubscription(terms: SubscriptionTerms, now: Temporal.Instant): SubscriptionState {
  requireEndAhead(terms, now)
  if (Temporal.Instant.compare(terms.startedAt, now) > 0) return pendingState(terms)
  return { ...startedState(terms, terms.backfillInvoices === true ? terms.startedAt : now), ...statusAt(terms, now) }
}

function pendingState({ startedAt }: SubscriptionTerms): SubscriptionState {
  return {
    status: 'pending_activation',
    currentPeriodStart: null,
    currentPeriodEnd: null,
    nextBillingAt: null,
    nextLifecycleAt: startedAt,
  }
}

/** The state from its start on; also what a waiting subscription turns into. */
export function startedState(terms: SubscriptionTerms, now: Temporal.Instant): SubscriptionState {
  const period = billingPeriodAt({ ...terms, at: now })
  const isPaidAtStart = terms.paysInAdvance && !isInTrial(freeUntil(terms), period.start)
  return {
    ...statusAt(terms, now),
    currentPeriodStart: period.start,
    currentPeriodEnd: period.end,
    // A date at the start of the period says that its advance invoice is due.
    nextBillingAt: isPaidAtStart ? period.start : nextBillAt(terms, period, period.start),
  }
}

/** Whether its trial runs, and when that or the subscription itself ends. */
export function statusAt(
  { trialEndsAt, endedAt }: Pick<SubscriptionTerms, 'trialEndsAt' | 'endedAt'>,
  now: Temporal.Instant,
): { readonly status: 'trial_active' | 'active'; readonly nextLifecycleAt: Temporal.Instant | null } {
  if (trialEndsAt === null || !isInTrial(trialEndsAt, now)) return { status: 'active', nextLifecycleAt: endedAt }
  const nextLifecycleAt = endedAt === null ? trialEndsAt : earlierInstant(trialEndsAt, endedAt)
  return { status: 'trial_active', nextLifecycleAt }
}

function requireEndAhead({ startedAt, endedAt }: SubscriptionTerms, now: Temporal.Instant): void {
  if (endedAt === null) return
  const issues: Issue[] = []
  if (Temporal.Instant.compare(endedAt, startedAt) <= 0) issues.push(endIssue('must be later than started_at'))
  else if (Temporal.Instant.compare(endedAt, now) <= 0) issues.push(endIssue(`must be later than now, which is ${now}`))
  if (issues.length > 0) throw validationError(issues)
}

function endIssue(msg: string): Issue {
  return { loc: ['body', 'ended_at'], msg, type: 'datetime_order' }
}
