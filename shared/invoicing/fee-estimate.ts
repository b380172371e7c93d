import { type Exact, ZERO } from '../money/decimal.ts'
import { divideForDisplay } from '../pricing/pricing.ts'
import type { RatedLine } from './rated-line.ts'

/** What all lines of a charge come to. */
export interface ChargeTotal {
  readonly units: Exact
  /** Major units, exact. */
  readonly amount: Exact
  /** The sum of the rounded lines, in minor units. */
  readonly amountMinor: bigint
}

/** What one more event changes on a charge; each part may be below zero, as where more units reach a cheaper volume. */
export interface FeeEstimate extends ChargeTotal {
  /** Major units for one unit, for display; 0 where no units are added. */
  readonly unitAmount: Exact
  readonly before: ChargeTotal
  readonly after: ChargeTotal
}

/**
 * The marginal fee of an event: its charge rated with it minus its charge rated without it (law 10). So tiers, free
 * units and maximums count from where the period stands, and a bill moves by exactly `amountMinor`.
 */
export function estimateFee(linesBefore: readonly RatedLine[], linesAfter: readonly RatedLine[]): FeeEstimate {
  const [before, after] = [totalOf(linesBefore), totalOf(linesAfter)]
  const [units, amount] = [after.units.minus(before.units), after.amount.minus(before.amount)]
  const amountMinor = after.amountMinor - before.amountMinor
  return { units, amount, amountMinor, unitAmount: divideForDisplay(amount, units), before, after }
}

// A minimum has no units of its own.
function totalOf(lines: readonly RatedLine[]): ChargeTotal {
  return {
    units: lines.reduce((sum, { kind, units }) => (kind === 'usage' ? sum.plus(units) : sum), ZERO),
    amount: lines.reduce((sum, { amount }) => sum.plus(amount), ZERO),
    amountMinor: lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n),
  }
}
