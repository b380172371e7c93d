import type { Exact } from '../money/decimal.ts'

/** What a discount takes off: amount × percentage / 100. */
export function percentageOf(amount: Exact, percentage: Exact): Exact {
  return amount.times(percentage).div(100)
}
