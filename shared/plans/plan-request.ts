import type { Interval, NamedInterval } from '../calendar/interval.ts'
import type { LateUsagePolicy } from '../invoicing/late-usage-policy.ts'
import type { ChargeModel } from '../pricing/charge-models.ts'
import type { TrialKind, TrialUsage } from '../subscriptions/trial.ts'

/** A plan as it is asked for; the shape of every field is checked already, what the fields mean is not. */
export interface PlanRequest extends PlanTerms {
  readonly code: string
  readonly name: string
  readonly description: string | null
  /** What becomes of late usage; null: what the organization says. */
  readonly lateUsage: LateUsagePolicy | null
}

/** What a version of a plan fixes for those who subscribe to it. */
export interface PlanTerms {
  readonly interval: Interval
  /** The word given beside an interval without a name; otherwise the interval's own. */
  readonly intervalName: NamedInterval
  readonly amountMinor: bigint
  readonly currency: string
  readonly trialPeriodDays: number
  readonly trialKind: TrialKind
  readonly trialUsage: TrialUsage
  readonly payInAdvance: boolean
  readonly charges: readonly ChargeRequest[]
}

export interface ChargeRequest {
  readonly billableMetricId: string
  readonly chargeModel: ChargeModel
  readonly properties: unknown
  readonly filters: readonly ChargeFilterRequest[]
  /** By field name, as they were written; absent and null fields are left out. */
  readonly modifiers: Readonly<Record<string, unknown>>
  readonly displayName: string | null
}

/** A part of a charge's usage with prices of its own. */
export interface ChargeFilterRequest {
  /** All must match; at least one. */
  readonly conditions: readonly FilterConditionRequest[]
  readonly properties: unknown
  readonly displayName: string | null
}

export interface FilterConditionRequest {
  readonly filterId: string
  /** Empty: any value that the filter knows. */
  readonly values: readonly string[]
}
