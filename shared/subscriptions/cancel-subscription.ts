import { earlierInstant } from '../calendar/instant-range.ts'
import { AppError, validationError } from '../errors.ts'
import { freeUntil, isInTrial, type Trial } from './trial.ts'

export const ENDED_STATUSES = ['cancelled', 'completed', 'superseded'] as const

/** When a cancelled subscription ends. */
export type CancellationTime = 'now' | 'period_end' | Temporal.Instant

/** What of a subscription a cancellation depends on. */
export interface CancellableSubscription extends Trial {
  readonly id: string
  readonly status: string
  readonly startedAt: Temporal.Instant
  readonly endedAt: Temporal.Instant | null
  readonly currentPeriodEnd: Temporal.Instant | null
}

/** What changes. What never started is `cancelled` here and now; otherwise the status stays until `endedAt` has come. */
export interface Cancellation {
  readonly kind: 'cancelled' | 'ends_later'
  readonly endedAt: Temporal.Instant
}

/**
 * Decides a cancellation. A subscription that has not started is cancelled at once, unless it is to end after its start;
 * a running one ends at the asked time, and never later than an end it was given before; during a free trial the end of
 * its period is that of the trial. A second cancellation may bring the end forward.
 */
export function cancelSubscription(
  subscription: CancellableSubscription,
  at: CancellationTime,
  now: Temporal.Instant,
): Cancellation {
  requireLive(subscription)
  if (at instanceof Temporal.Instant) requireAhead(at, now)
  return subscription.status === 'pending_activation'
    ? cancelPending(subscription, at)
    : { kind: 'ends_later', endedAt: endOf(subscription, at, now) }
}

function requireLive({ id, status }: CancellableSubscription): void {
  if (ENDED_STATUSES.some((ended) => ended === status)) {
    throw new AppError('subscription_ended', `subscription ${id} is ${status} already`)
  }
}

function requireAhead(endedAt: Temporal.Instant, now: Temporal.Instant): void {
  if (Temporal.Instant.compare(endedAt, now) >= 0) return
  const msg = `must not be earlier than now, which is ${now}`
  throw validationError([{ loc: ['body', 'ended_at'], msg, type: 'datetime_order' }])
}

// An end at its start says that it never ran, so no usage is ever its own.
function cancelPending({ startedAt, endedAt }: CancellableSubscription, at: CancellationTime): Cancellation {
  if (!(at instanceof Temporal.Instant) || Temporal.Instant.compare(at, startedAt) <= 0) {
    return { kind: 'cancelled', endedAt: startedAt }
  }
  return { kind: 'ends_later', endedAt: endedAt === null ? at : earlierInstant(endedAt, at) }
}

function endOf(subscription: CancellableSubscription, at: CancellationTime, now: Temporal.Instant): Temporal.Instant {
  const { endedAt } = subscription
  const asked = at === 'now' ? now : at === 'period_end' ? periodEndOf(subscription, now) : at
  return endedAt === null ? asked : earlierInstant(endedAt, asked)
}

// Whoever cancels during a free trial is never charged the fee.
function periodEndOf(subscription: CancellableSubscription, now: Temporal.Instant): Temporal.Instant {
  const trialEndsAt = freeUntil(subscription)
  return trialEndsAt !== null && isInTrial(trialEndsAt, now) ? trialEndsAt : (subscription.currentPeriodEnd ?? now)
}
