import type { Charge } from '../pricing/charge-models.ts'
import type { MeteredUsage } from '../pricing/metered-usage.ts'
import type { ChargeModifiers } from '../pricing/modifiers.ts'

/** A fixed fee per whole period, in minor units; in a partial period it is prorated by days. */
export interface RateComponent {
  readonly kind: 'rate'
  readonly id: string
  readonly displayName: string
  readonly amountMinor: bigint
  /** Whether a period is paid when it begins or when it is over. */
  readonly timing: 'advance' | 'arrears'
}

/** A price on what a metric counted in the period; always in arrears. */
export interface UsageComponent {
  readonly kind: 'usage'
  readonly id: string
  readonly displayName: string
  readonly metric: { readonly code: string; readonly name: string }
  readonly charge: Charge
  readonly modifiers?: ChargeModifiers
  /** Parts of the usage with prices of their own; absent: none. */
  readonly filters?: readonly FilteredCharge[]
}

/** The price of usage whose properties match every condition. */
export interface FilteredCharge {
  readonly id: string
  /** The name it was given; null: that of the component with the conditions. */
  readonly displayName: string | null
  /** The conditions in words, as they were written. */
  readonly conditionText: string
  readonly conditions: readonly { readonly key: string; readonly values: ReadonlySet<string> }[]
  readonly charge: Charge
}

/** Which part of a component's usage is priced by itself. */
export interface PortionName {
  /** The filter that its usage matches best; null: what matches none. */
  readonly filterId: string | null
  /** The values of the charge's pricing group keys; null is an event without the property. */
  readonly groupedBy: Readonly<Record<string, string | null>>
}

/** What one portion of a usage component counted in the period. */
export interface ComponentUsage extends MeteredUsage, PortionName {
  readonly eventsCount: bigint
}
