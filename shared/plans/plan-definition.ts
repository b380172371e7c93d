import type { Interval, NamedInterval } from '../calendar/interval.ts'
import type { LateUsagePolicy } from '../invoicing/late-usage-policy.ts'
import type { ChargeModel } from '../pricing/charge-models.ts'
import type { TrialKind, TrialUsage } from '../subscriptions/trial.ts'
import type { FilterConditionRequest } from './plan-request.ts'

/** A plan to be created: what the API's fields come down to. */
export interface PlanDefinition extends VersionDefinition {
  readonly code: string
  readonly name: string
  readonly description: string | null
  /** Null: what the organization says. */
  readonly lateUsage: LateUsagePolicy | null
}

/** A version of a plan to be created. */
export interface VersionDefinition {
  readonly interval: Interval
  readonly intervalName: NamedInterval
  readonly currency: string
  readonly trialPeriodDays: number
  readonly trialKind: TrialKind
  readonly trialUsage: TrialUsage
  /** In the order in which they appear on invoices. */
  readonly components: readonly ComponentDefinition[]
  /** Event properties whose values its prices tell apart, by id of the metric. */
  readonly dimensions: ReadonlyMap<string, ReadonlySet<string>>
}

/** One part of what a plan costs. */
export interface ComponentDefinition {
  readonly kind: 'rate' | 'usage'
  /** What invoices call it: the display name where there is one. */
  readonly name: string
  readonly displayName: string | null
  readonly timing: 'advance' | 'arrears'
  readonly billableMetricId: string | null
  readonly price: PriceDefinition
}

/** A fixed amount, or a model that prices usage. */
export type PriceDefinition =
  | { readonly chargeModel: null; readonly amountMinor: bigint }
  | {
      readonly chargeModel: ChargeModel
      readonly amountMinor: null
      readonly properties: Readonly<Record<string, unknown>>
      readonly modifiers: Readonly<Record<string, unknown>>
      readonly filters: readonly ChargeFilterDefinition[]
    }

/** A part of a charge's usage with prices of its own. */
export interface ChargeFilterDefinition {
  readonly conditions: readonly FilterConditionRequest[]
  /** Empty: those of the charge. */
  readonly properties: Readonly<Record<string, unknown>>
  readonly displayName: string | null
}
