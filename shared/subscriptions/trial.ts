import { localDate } from '../calendar/local-day.ts'

export const TRIAL_KINDS = ['free', 'paid'] as const
export const TRIAL_USAGES = ['billed', 'free'] as const

/** Whether a plan's fixed fee starts when the trial is over, or with the subscription. */
export type TrialKind = (typeof TRIAL_KINDS)[number]

/** Whether what is used during a trial is billed. */
export type TrialUsage = (typeof TRIAL_USAGES)[number]

/** What billing must know of a subscription's trial. */
export interface Trial {
  /** Exclusive; null where there is no trial. */
  readonly trialEndsAt: Temporal.Instant | null
  readonly trialKind: TrialKind
  readonly trialUsage: TrialUsage
}

/**
 * The end of a trial of whole days: the same local time, so many days later. It is counted from the customer's first
 * subscription to the plan, so that ending one and starting another brings no second trial. Null where no time of it is
 * left at the start, or no days are given.
 */
export function trialEnd({
  startedAt,
  firstStartedAt,
  days,
  timeZone,
}: {
  startedAt: Temporal.Instant
  firstStartedAt: Temporal.Instant
  days: number
  timeZone: string
}): Temporal.Instant | null {
  const endsAt = firstStartedAt.toZonedDateTimeISO(timeZone).add({ days }).toInstant()
  return Temporal.Instant.compare(endsAt, startedAt) > 0 ? endsAt : null
}

/** Until when no fixed fee is due; null where it is due from the start. */
export function freeUntil({ trialEndsAt, trialKind }: Trial): Temporal.Instant | null {
  return trialKind === 'free' ? trialEndsAt : null
}

/** Whether the trial runs at the instant given. */
export function isInTrial(trialEndsAt: Temporal.Instant | null, at: Temporal.Instant): boolean {
  return trialEndsAt !== null && Temporal.Instant.compare(at, trialEndsAt) < 0
}

/**
 * When the bill after one of `billedAt` is due, while the period given runs: at the end of the period, or at the end of a
 * free trial when a fee is paid in advance. A trial that ends on the very day on which the period is over holds its bill
 * back until then, so that there is one and not two on that day, and none before the trial is over.
 */
export function nextBillAt(
  terms: Trial & { readonly paysInAdvance: boolean; readonly timeZone: string },
  period: { readonly end: Temporal.Instant },
  billedAt: Temporal.Instant,
): Temporal.Instant {
  const trialEndsAt = terms.paysInAdvance ? freeUntil(terms) : null
  if (trialEndsAt === null || Temporal.Instant.compare(trialEndsAt, billedAt) <= 0) return period.end
  const [trialDay, lastDay] = [trialEndsAt, period.end].map((at) => localDate(at, terms.timeZone))
  return Temporal.PlainDate.compare(trialDay as Temporal.PlainDate, lastDay as Temporal.PlainDate) <= 0
    ? trialEndsAt
    : period.end
}
