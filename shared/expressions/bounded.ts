import { Exact, ZERO } from '../money/decimal.ts'

// Far beyond all money and all fractions of it: it only bounds what a hostile chain of products can cost.
const GREATEST = new Exact('1e200')
const SMALLEST_EXPONENT = -200

/** The number, or the nearest one within the bounds of an evaluation. */
export function bounded(number: Exact): Exact {
  if (number.abs().greaterThan(GREATEST)) return number.isNegative() ? GREATEST.negated() : GREATEST
  return number.e < SMALLEST_EXPONENT ? ZERO : number
}
