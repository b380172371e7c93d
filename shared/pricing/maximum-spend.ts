import { Exact } from '../money/decimal.ts'

/** What is above the cap of a period: max(amount − maximum, 0), both in major units. */
export function aboveMaximum(amount: Exact, maximum: Exact): Exact {
  return Exact.max(amount.minus(maximum), 0)
}
