import { Exact } from '../money/decimal.ts'

/** How a metric rounds its units: half away from zero, up or down, to digits after the point (or, negative, before). */
export interface UnitRounding {
  readonly mode: 'round' | 'ceil' | 'floor'
  readonly precision: number
}

const MODES = { round: Exact.ROUND_HALF_UP, ceil: Exact.ROUND_CEIL, floor: Exact.ROUND_FLOOR } as const

/** Rounds units as the metric says; null leaves them as they are. */
export function roundUnits(units: Exact, rounding: UnitRounding | null): Exact {
  if (rounding === null) return units
  const { mode, precision } = rounding
  if (precision >= 0) return units.toDecimalPlaces(precision, MODES[mode])
  const scale = Exact.pow(10, -precision)
  return units.div(scale).toDecimalPlaces(0, MODES[mode]).times(scale)
}
