import { type BillingPeriod, periodSince } from '../calendar/billing-period.ts'
import { localDate } from '../calendar/local-day.ts'
import { freeUntil, type Trial } from '../subscriptions/trial.ts'

/** What a fixed fee is due for. */
export interface FeePeriod extends BillingPeriod {
  /** The local day on which a free trial ends, where it takes days off the fee; that day itself is billed. */
  readonly trialUntil?: Temporal.PlainDate
}

/** The trial of a subscription in the zone in which its days are counted. */
export type ZonedTrial = Trial & { readonly timeZone: string }

/** The part of a period that is billed as fixed fee: the local day on which a free trial ends, and all after it. */
export function feePeriod(period: BillingPeriod, trial: ZonedTrial): FeePeriod {
  const endsAt = freeUntil(trial)
  if (endsAt === null || Temporal.Instant.compare(endsAt, period.start) <= 0) return period
  return { ...periodSince(period, endsAt, trial.timeZone), trialUntil: localDate(endsAt, trial.timeZone) }
}

/** The part of a period whose usage is billed; undefined where the trial gives all of it away. */
function usagePeriod(period: BillingPeriod, trial: ZonedTrial): BillingPeriod | undefined {
  const { trialEndsAt, trialUsage, timeZone } = trial
  if (trialEndsAt === null || trialUsage === 'billed') return period
  if (Temporal.Instant.compare(trialEndsAt, period.end) >= 0) return undefined
  return periodSince(period, trialEndsAt, timeZone)
}

/** Both parts of a period that is over, or of none. */
export function billedParts(
  period: BillingPeriod | undefined,
  trial: ZonedTrial,
): { readonly period: BillingPeriod | undefined; readonly feePeriod: FeePeriod | undefined } {
  if (period === undefined) return { period: undefined, feePeriod: undefined }
  return { period: usagePeriod(period, trial), feePeriod: feePeriod(period, trial) }
}
