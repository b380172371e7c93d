import { minorUnitDigits } from './currency.ts'
import { Exact } from './decimal.ts'

/**
 * Rounds an amount in major units (dollars) to integer minor units (cents), half away from zero.
 * This is the only rounding of an invoice line (law 7).
 */
export function roundHalfAwayFromZero(amount: Exact, currency: string): bigint {
  return BigInt(amount.times(Exact.pow(10, minorUnitDigits(currency))).toFixed(0, Exact.ROUND_HALF_UP))
}

/** The amount in major units of integer minor units; exact. */
export function fromMinor(amountMinor: bigint, currency: string): Exact {
  return new Exact(amountMinor.toString()).div(Exact.pow(10, minorUnitDigits(currency)))
}
