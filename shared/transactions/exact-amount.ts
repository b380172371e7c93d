import type { Issue } from '../errors.ts'
import { decimalText } from '../json/exact-json.ts'
import { type Exact, parseDecimal, ZERO } from '../money/decimal.ts'

/** The digits that an amount may have before its point: more than all money there is. */
const MAX_INTEGER_DIGITS = 15

export interface AmountBounds {
  readonly loc: Issue['loc']
  /** The digits that it may have after its point. */
  readonly maxDecimals: number
  readonly mayBeNegative: boolean
}

/**
 * Reads an amount in major units from the source text of a JSON number, or from a text. Nothing is rounded: what has
 * more digits than are kept is refused.
 */
export function readAmount(
  value: unknown,
  bounds: AmountBounds,
): { readonly amount: Exact } | { readonly issue: Issue } {
  const text = decimalText(value)
  const amount = text === undefined ? undefined : parseDecimal(text)
  const fault = amount === undefined ? shapeFault(text, bounds) : boundsFault(amount, bounds)
  if (fault !== undefined) return { issue: { loc: bounds.loc, type: fault[0], msg: fault[1] } }
  // Minus zero is zero.
  return { amount: amount === undefined || amount.isZero() ? ZERO : amount }
}

type Fault = readonly [type: string, msg: string]

function boundsFault(amount: Exact, { maxDecimals, mayBeNegative }: AmountBounds): Fault | undefined {
  if (amount.lessThan(0) && !mayBeNegative) return ['greater_than_equal', 'must not be negative']
  if (!amount.isZero() && amount.e >= MAX_INTEGER_DIGITS) return tooLong()
  if (amount.decimalPlaces() <= maxDecimals) return undefined
  return ['decimal_max_places', `must have at most ${maxDecimals} digits after the point`]
}

const DECIMAL_SHAPE = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

function shapeFault(text: string | undefined, { maxDecimals }: AmountBounds): Fault {
  if (text === undefined) return ['decimal_type', 'must be a number, or a text with one']
  if (/^[+-]?(?:nan|inf(?:inity)?)$/i.test(text)) return ['finite_number', 'must be a finite number']
  if (!DECIMAL_SHAPE.test(text)) return ['decimal_parsing', 'must be a decimal such as 12.50']
  // What has the shape of a decimal and still was not read is too long, on one side of its point or the other.
  const msg = `must have at most ${MAX_INTEGER_DIGITS} digits before the point and ${maxDecimals} after it`
  return ['decimal_max_digits', msg]
}

function tooLong(): Fault {
  return ['decimal_max_digits', `must have at most ${MAX_INTEGER_DIGITS} digits before the point`]
}
