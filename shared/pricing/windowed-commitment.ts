import { Exact, ZERO } from '../money/decimal.ts'

/** What is promised to be used in each window, as an amount in major units or as units at the charge's own price. */
export interface WindowCommitment {
  readonly committed: { readonly amount: Exact } | { readonly units: Exact }
  /** What usage beyond the commitment costs, as a multiple of its price; at least 1. */
  readonly overageFactor: Exact
  /** Whether a window that stays below its commitment costs it all the same. */
  readonly trueUp: boolean
}

/** What becomes of the price of one window; the window costs the sum of the three. */
export interface CommittedAmount {
  /** The part of the price within the commitment. */
  readonly utilized: Exact
  /** The part beyond it, times the factor. */
  readonly overage: Exact
  /** What is missing to it, where that is due. */
  readonly trueUp: Exact
}

/**
 * min(price, commitment) + max(price − commitment, 0) × overage factor + (true-up: max(commitment − price, 0)). A
 * commitment of units is worth what `priceOfUnits` says of them.
 */
export function applyCommitment(
  price: Exact,
  { committed, overageFactor, trueUp }: WindowCommitment,
  priceOfUnits: (units: Exact) => Exact,
): CommittedAmount {
  const commitment = 'amount' in committed ? committed.amount : priceOfUnits(committed.units)
  return {
    utilized: Exact.min(price, commitment),
    overage: Exact.max(price.minus(commitment), 0).times(overageFactor),
    trueUp: trueUp ? Exact.max(commitment.minus(price), 0) : ZERO,
  }
}
