import type { Interval } from '../calendar/interval.ts'
import type { ChargeModel } from '../pricing/charge-models.ts'

/** A plan to be created: what the API's fields come down to. */
export interface PlanDefinition {
  readonly code: string
  readonly name: string
  readonly description: string | null
  readonly interval: Interval
  readonly currency: string
  readonly trialPeriodDays: number
  /** In the order in which they appear on invoices. */
  readonly components: readonly ComponentDefinition[]
}

/** One part of what a plan costs. */
export interface ComponentDefinition {
  readonly kind: 'rate' | 'usage'
  readonly name: string
  readonly timing: 'advance' | 'arrears'
  readonly billableMetricId: string | null
  readonly price: PriceDefinition
}

/** A fixed amount, or a model that prices usage. */
export type PriceDefinition =
  | { readonly chargeModel: null; readonly amountMinor: bigint; readonly properties: Readonly<Record<string, never>> }
  | {
      readonly chargeModel: ChargeModel
      readonly amountMinor: null
      readonly properties: Readonly<Record<string, unknown>>
    }
