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
}

/** What one usage component counted in the period. */
export interface ComponentUsage extends MeteredUsage {
  readonly eventsCount: bigint
}
