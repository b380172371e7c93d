import { assert } from '../errors.ts'
import type { Exact } from '../money/decimal.ts'
import { MAX_DECIMAL_DIGITS, ZERO } from '../money/decimal.ts'

/** Whole packages bought in a step. */
export interface Packages {
  readonly count: Exact
  readonly size: Exact
  readonly amountEach: Exact
}

/**
 * One step of the way from units to an amount, in major units:
 * amount = units × perUnitAmount + flatAmount + packages.count × packages.amountEach.
 */
export interface PricingStep {
  /** The step prices units above this bound… */
  readonly fromValue: Exact
  /** …up to and with this one; null is no bound. */
  readonly toValue: Exact | null
  readonly units: Exact
  readonly perUnitAmount: Exact
  readonly flatAmount: Exact
  readonly packages?: Packages
  readonly amount: Exact
}

/** The exact price of a quantity, in major units, and how it came about. The amounts of the steps add up to it. */
export interface Pricing {
  /** The units that were priced; never negative. */
  readonly units: Exact
  readonly amount: Exact
  /** The price of one unit, for display: rounded to 30 significant digits, 0 without units. Never multiply it back. */
  readonly unitAmount: Exact
  readonly steps: readonly PricingStep[]
}

/** How much is priced. */
export interface Quantity {
  readonly units: Exact
  /** The units held, where `units` weighs them by time: they find the volume tier and divide the unit amount. */
  readonly fullUnits: Exact
}

/** A step with its amount. */
export function pricingStep(step: Omit<PricingStep, 'amount'>): PricingStep {
  const packages = step.packages === undefined ? ZERO : step.packages.count.times(step.packages.amountEach)
  return { ...step, amount: step.units.times(step.perUnitAmount).plus(step.flatAmount).plus(packages) }
}

/** The pricing of all steps; `displayUnits` are those the unit amount is divided by. */
export function pricingOf(units: Exact, displayUnits: Exact, steps: readonly PricingStep[]): Pricing {
  const amount = steps.reduce((sum, step) => sum.plus(step.amount), ZERO)
  assert(!amount.lessThan(0), 'a charge priced usage below zero')
  return { units, amount, unitAmount: divideForDisplay(amount, displayUnits), steps }
}

function divideForDisplay(amount: Exact, units: Exact): Exact {
  return units.isZero() ? ZERO : amount.div(units).toSignificantDigits(MAX_DECIMAL_DIGITS)
}
