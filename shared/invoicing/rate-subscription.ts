import type { BillingPeriod } from '../calendar/billing-period.ts'
import type { ComponentUsage, RateComponent, UsageComponent } from './components.ts'
import { minimumSpendLines } from './minimum-spend-line.ts'
import { planFeeLine } from './plan-fee-line.ts'
import { portionLines } from './portion-lines.ts'
import type { RatedLine } from './rated-line.ts'
import type { FeePeriod } from './trial-periods.ts'

/** All that a price depends on; the same input gives the same lines for ever. */
export interface RatingInput {
  /** ISO 4217 code of the subscription. */
  readonly currency: string
  /** The period whose usage and arrears fees are billed; absent when only an advance fee is due. */
  readonly period?: BillingPeriod | undefined
  /** The part of it that arrears fees are due for; the whole where it is absent. */
  readonly feePeriod?: FeePeriod | undefined
  /** The period whose advance fees are due now: the one about to begin. Absent when none follows. */
  readonly advancePeriod?: FeePeriod | undefined
  readonly components: readonly (RateComponent | UsageComponent)[]
  /** The used portions by component id; a component that is not in it was not used. */
  readonly usage: ReadonlyMap<string, readonly ComponentUsage[]>
  /** Whether the period is still running, so that what lacks to a minimum is not due yet. */
  readonly isRunning?: boolean
}

/**
 * The one rating engine (law 10): preview, current usage, threshold and invoice all get their lines here. Lines come in
 * the order of the components. A usage component has a line even when nothing was used, so that a customer sees what is
 * counted; one for each portion that was; and another where it has a minimum that it does not reach. A plan fee of zero
 * has none.
 */
export function rateSubscription(input: RatingInput): RatedLine[] {
  const { period, components } = input
  return components.flatMap((component): RatedLine[] => {
    if (component.kind === 'rate') return feeLines(component, input)
    return period === undefined ? [] : usageLines(component, period, input)
  })
}

function feeLines(component: RateComponent, { currency, period, feePeriod, advancePeriod }: RatingInput): RatedLine[] {
  const billed = component.timing === 'advance' ? advancePeriod : (feePeriod ?? period)
  return billed === undefined || component.amountMinor === 0n
    ? []
    : [planFeeLine({ component, period: billed, currency })]
}

function usageLines(
  component: UsageComponent,
  period: BillingPeriod,
  { currency, usage, isRunning = false }: RatingInput,
): RatedLine[] {
  const lines = portionLines({ component, portions: usage.get(component.id) ?? [], period, currency })
  return isRunning ? lines : [...lines, ...minimumSpendLines({ component, lines, period, currency })]
}
