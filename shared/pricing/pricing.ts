import { assert } from '../errors.ts'
import type { Exact } from '../money/decimal.ts'
import { MAX_DECIMAL_DIGITS, ZERO } from '../money/decimal.ts'
import type { MatrixCell, MeteredEvent, UnitStack } from './metered-usage.ts'

/** Whole packages bought in a step. */
export interface Packages {
  readonly count: Exact
  readonly size: Exact
  readonly amountEach: Exact
}

/** Events that cost an amount each. */
export interface Transactions {
  readonly count: Exact
  readonly amountEach: Exact
}

/**
 * One step of the way from units to an amount, in major units:
 * amount = units × perUnitAmount + flatAmount + packages.count × packages.amountEach + the same of transactions.
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
  readonly transactions?: Transactions
  /** The two values whose usage the step prices, where a price is a matrix. */
  readonly cell?: MatrixCell['values']
  readonly amount: Exact
}

/**
 * The exact price of a quantity, in major units, and how it came about. The amounts of the steps add up to it; where
 * weighing by time left periodic fractions, to 90 digits behind the point.
 */
export interface Pricing {
  /** The units that were priced; never negative. */
  readonly units: Exact
  readonly amount: Exact
  /** The price of one unit, for display: rounded to 30 significant digits, 0 without units. Never multiply it back. */
  readonly unitAmount: Exact
  readonly steps: readonly PricingStep[]
}

/** How much is priced; nothing in it is below zero but what single events brought. */
export interface Quantity {
  readonly units: Exact
  /** The units held, where `units` weighs them by time: they find the volume tier and divide the unit amount. */
  readonly fullUnits: Exact
  readonly eventsCount: bigint
  /** The events behind the units; undefined where only their sum was read. */
  readonly events: readonly MeteredEvent[] | undefined
  /** How the units came and went; undefined where they are not weighed by time. */
  readonly stack: UnitStack | undefined
  /** The currency of amounts that come with events. */
  readonly currency: string
}

/** The events of a quantity whose price depends on them. */
export function requireEvents({ events }: Quantity): readonly MeteredEvent[] {
  assert(events !== undefined, 'a price that depends on single events was asked for without them')
  return events
}

/** A step with its amount. */
export function pricingStep(step: Omit<PricingStep, 'amount'>): PricingStep {
  const counted = costOf(step.packages).plus(costOf(step.transactions))
  return { ...step, amount: step.units.times(step.perUnitAmount).plus(step.flatAmount).plus(counted) }
}

// Products of accepted decimals have at most 60 digits behind the point, so nothing that is exact is touched. Quotients
// are cut at 140 digits: their sum may miss half a cent by its last digit, and is put back onto it here.
const EXACT_PLACES = 90

function costOf(counted: Packages | Transactions | undefined): Exact {
  return counted === undefined ? ZERO : counted.count.times(counted.amountEach)
}

/** The pricing of all steps; `displayUnits` are those the unit amount is divided by. */
export function pricingOf(units: Exact, displayUnits: Exact, steps: readonly PricingStep[]): Pricing {
  const amount = steps.reduce((sum, step) => sum.plus(step.amount), ZERO).toDecimalPlaces(EXACT_PLACES)
  assert(!amount.lessThan(0), 'a charge priced usage below zero')
  return { units, amount, unitAmount: divideForDisplay(amount, displayUnits), steps }
}

/** Amount / units, rounded to 30 significant digits; 0 without units. Never multiply it back. */
export function divideForDisplay(amount: Exact, units: Exact): Exact {
  return units.isZero() ? ZERO : amount.div(units).toSignificantDigits(MAX_DECIMAL_DIGITS)
}
