import { roundUnits, type UnitRounding } from '../metering/rounding.ts'
import type { Exact } from '../money/decimal.ts'

/** From what a metric counts to what is priced. */
export interface UnitConversion {
  readonly operation: 'multiply' | 'divide'
  /** Above zero. */
  readonly factor: Exact
  /** Null: the converted units stay as they are. */
  readonly rounding: UnitRounding | null
}

/** round(units × factor), or round(units / factor). */
export function convertUnits(units: Exact, { operation, factor, rounding }: UnitConversion): Exact {
  return roundUnits(operation === 'multiply' ? units.times(factor) : units.div(factor), rounding)
}
