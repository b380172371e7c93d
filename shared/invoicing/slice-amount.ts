import type { Exact } from '../money/decimal.ts'
import { roundHalfAwayFromZero } from '../money/round.ts'

/**
 * What a later slice of a period still owes, in minor units: the rounded price of everything since the period began
 * minus what earlier slices billed (law 10). So the slices add up to the price of the whole, however it was cut. Below
 * zero where more usage costs less in all, as with volume prices; the caller says whether that waits or is credited.
 */
export function sliceAmountMinor({
  cumulative,
  billedMinor,
  currency,
}: {
  /** Major units, exact. */
  cumulative: Exact
  billedMinor: bigint
  currency: string
}): bigint {
  return roundHalfAwayFromZero(cumulative, currency) - billedMinor
}
