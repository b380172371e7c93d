import type { WindowSize } from '../calendar/windows.ts'
import { WINDOW_SIZES } from '../calendar/windows.ts'
import type { Issue } from '../errors.ts'
import { Exact, ZERO } from '../money/decimal.ts'
import type { Charge } from './charge-models.ts'
import { neededUsage, priceCharge } from './charge-models.ts'
import { mergeSteps } from './merge-steps.ts'
import type { MeteredUsage } from './metered-usage.ts'
import type { PricingStep } from './pricing.ts'
import type { Location, PropertyFields } from './property-fields.ts'
import { findDecimal, openFields, refuse } from './property-fields.ts'
import type { WindowCommitment } from './windowed-commitment.ts'
import { applyCommitment } from './windowed-commitment.ts'

/** Windows whose usage is priced alone: tiers, packages and fees begin anew in each. */
export interface PricedWindows {
  readonly size: WindowSize
  readonly commitment?: WindowCommitment
}

/** What the windows of a period come to: the steps, what overage adds to them, and what true-ups add. */
export interface WindowsPrice {
  readonly steps: readonly PricingStep[]
  readonly overage: Exact
  readonly trueUp: Exact
}

/**
 * Σ over the windows of the price of their usage, each with its commitment. A window without usage has none but that;
 * `unusedWindows` of these are not listed.
 */
export function priceWindows(
  charge: Charge,
  windows: readonly MeteredUsage[],
  terms: { commitment: WindowCommitment | undefined; unusedWindows: number; currency: string },
): WindowsPrice {
  const { commitment, unusedWindows, currency } = terms
  const priceOfUnits = (units: Exact): Exact => priceCharge(charge, { units }, currency).amount
  const prices = windows.filter((usage) => isUsed(charge, usage)).map((usage) => priceCharge(charge, usage, currency))
  let [overage, trueUp] = [ZERO, ZERO]
  const commit = (amount: Exact, count: number): void => {
    if (commitment === undefined || count === 0) return
    const committed = applyCommitment(amount, commitment, priceOfUnits)
    overage = committed.utilized.plus(committed.overage).minus(amount).times(count).plus(overage)
    trueUp = committed.trueUp.times(count).plus(trueUp)
  }
  for (const { amount } of prices) commit(amount, 1)
  // Those without usage are alike, and most of a month of minutes.
  commit(ZERO, windows.length - prices.length + unusedWindows)
  return { steps: mergeSteps(prices.flatMap(({ steps }) => steps)), overage, trueUp }
}

// A price that comes with an event is due, whatever its units are.
function isUsed(charge: Charge, { units, events = [] }: MeteredUsage): boolean {
  if (!units.isZero() && !units.isNegative()) return true
  return events.length > 0 && neededUsage(charge) === 'events'
}

/** Reads windows as they came from a request or from the database; undefined with the faults noted in `issues`. */
export function readWindows(value: unknown, loc: Location, issues: Issue[]): PricedWindows | undefined {
  const faultsBefore = issues.length
  const fields = openFields(value, loc, issues, ['size', 'commitment'])
  const { size, commitment: written } = fields.values
  if (!WINDOW_SIZES.some((known) => known === size)) {
    refuse(fields, 'size', 'enum', `must be one of ${WINDOW_SIZES.join(', ')}`)
  }
  const commitment = written == null ? undefined : readCommitment(written, [...loc, 'commitment'], issues)
  if (issues.length > faultsBefore) return undefined
  return { size: size as WindowSize, ...(commitment === undefined ? {} : { commitment }) }
}

function readCommitment(value: unknown, loc: Location, issues: Issue[]): WindowCommitment {
  const fields = openFields(value, loc, issues, ['amount', 'units', 'overage_factor', 'true_up'])
  const overageFactor = findDecimal(fields, 'overage_factor') ?? new Exact(1)
  if (overageFactor.lessThan(1)) refuse(fields, 'overage_factor', 'greater_than_equal', 'must be at least 1')
  const trueUp = fields.values['true_up'] ?? false
  if (typeof trueUp !== 'boolean') refuse(fields, 'true_up', 'bool_type', 'must be true or false')
  return { committed: readCommitted(fields), overageFactor, trueUp: trueUp === true }
}

function readCommitted(fields: PropertyFields): WindowCommitment['committed'] {
  const [amount, units] = [findDecimal(fields, 'amount'), findDecimal(fields, 'units')]
  if (fields.values['amount'] === undefined && fields.values['units'] === undefined) {
    refuse(fields, 'amount', 'missing', 'is required, or units')
  }
  if (amount !== undefined && units !== undefined) refuse(fields, 'units', 'extra_forbidden', 'amount is given already')
  return units === undefined ? { amount: amount ?? ZERO } : { units }
}
