import type { Exact } from '../money/decimal.ts'

/** A unit of one's own, such as credits, in which prices are named. */
export interface PricingUnit {
  readonly code: string
  /** Major units of the currency for one of it. */
  readonly conversionRate: Exact
}

/** Amount in the unit × conversion rate: the amount in the currency. */
export function toCurrency(amount: Exact, { conversionRate }: PricingUnit): Exact {
  return amount.times(conversionRate)
}
