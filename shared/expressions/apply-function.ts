import { roundUnits } from '../metering/rounding.ts'
import { Exact, ZERO } from '../money/decimal.ts'
import type { ValueFunction } from './expression.ts'

/** The value of a function of numbers; `round`, `ceil` and `floor` take digits after the point, or, negative, before. */
export function applyFunction(name: Exclude<ValueFunction, 'concat'>, operands: readonly Exact[]): Exact {
  const [first = ZERO, second = ZERO] = operands
  switch (name) {
    case 'min':
      return Exact.min(...operands)
    case 'max':
      return Exact.max(...operands)
    case 'abs':
      return first.abs()
    case 'round':
    case 'ceil':
    case 'floor':
      return roundUnits(first, { mode: name, precision: places(second) })
  }
}

function places(number: Exact): number {
  return Exact.min(Exact.max(number.trunc(), -30), 30).toNumber()
}
