import { Decimal } from 'decimal.js'

// 140 significant digits: a product of two accepted decimals, of up to 60 digits each, stays exact, and so do sums of products.
// The exponent limits keep `toFixed` from ever switching to scientific notation in practice.
export const Exact = Decimal.clone({ precision: 140, rounding: Decimal.ROUND_HALF_UP, toExpNeg: -200, toExpPos: 200 })

/** An exact decimal number: prices, quantities and amounts before rounding. Never built from a computed `number`. */
export type Exact = Decimal

export const ZERO: Exact = new Exact(0)

const DECIMAL_TEXT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/

/** Longest decimal accepted from outside, in digits; on either side of the point; keeps products exact. */
export const MAX_DECIMAL_DIGITS = 30

/**
 * Reads a decimal from its source text. Returns undefined for anything that is not a finite decimal of at most
 * 30 digits before and 30 digits after the point.
 */
export function parseDecimal(text: string): Exact | undefined {
  if (!DECIMAL_TEXT.test(text)) return undefined
  const value = new Exact(text)
  const integerDigits = value.isZero() ? 1 : value.e + 1
  if (integerDigits > MAX_DECIMAL_DIGITS || value.decimalPlaces() > MAX_DECIMAL_DIGITS) return undefined
  return value
}

/** The decimal of a text that is known to be one (a database `numeric`, a literal). Throws on anything else. */
export function decimal(text: string | bigint): Exact {
  return new Exact(text.toString())
}
