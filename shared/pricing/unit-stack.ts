import { Exact, ZERO } from '../money/decimal.ts'
import type { Lot, MeteredUsage, UnitStack } from './metered-usage.ts'
import type { Pricing, PricingStep } from './pricing.ts'
import { pricingOf, pricingStep } from './pricing.ts'
import type { Tier } from './tiers.ts'

/** The usage of a prorated charge: units weighed by the days they were held, Σ units × held days / period days. */
export function proratedUsage(stack: UnitStack, eventsCount: bigint): MeteredUsage {
  const lots = heldLots(stack)
  const unitDays = lots.reduce((sum, { units, heldDays }) => sum.plus(units.times(heldDays)), ZERO)
  const fullUnits = lots.reduce((sum, { units }) => sum.plus(units), ZERO)
  return { units: unitDays.div(stack.periodDays), fullUnits, eventsCount, stack }
}

/**
 * Lots lie on one another: the place of a unit in the stack says its tier, and it costs that tier's price for the days
 * it was held; what goes takes units from the top and gives their price back for the days that are left. Flat fees
 * are due up to the tier of the highest place reached. Units below an empty stack cost nothing; a stack that ends below
 * empty costs nothing at all.
 */
export function priceStackThroughTiers(tiers: readonly Tier[], stack: UnitStack): Pricing {
  const lots = heldLots(stack)
  const tops = topsOf(lots)
  const fullUnits = tops.at(-1) ?? ZERO
  if (fullUnits.lessThan(0)) return pricingOf(ZERO, ZERO, [])
  const highest = Exact.max(0, ...tops)
  const steps = tiers
    .filter(({ above }, index) => index === 0 || highest.greaterThan(above))
    .map((tier) => stepOfTier(tier, unitDaysIn(tier, lots, tops).div(stack.periodDays)))
  return pricingOf(
    steps.reduce((sum, { units }) => sum.plus(units), ZERO),
    fullUnits,
    steps,
  )
}

// What came and went before the period takes no place in it.
function heldLots({ lots }: UnitStack): Lot[] {
  return lots.filter(({ units, heldDays }) => units.lessThan(0) || !heldDays.isZero())
}

function topsOf(lots: readonly Lot[]): Exact[] {
  let top = ZERO
  return lots.map(({ units }) => {
    top = top.plus(units)
    return top
  })
}

function unitDaysIn({ above, upTo }: Tier, lots: readonly Lot[], tops: readonly Exact[]): Exact {
  const within = (place: Exact) => Exact.max(upTo === null ? place : Exact.min(place, upTo), above)
  return lots.reduce((sum, { units, heldDays }, index) => {
    const top = tops[index] ?? ZERO
    const unitsInTier = within(top).minus(within(top.minus(units)))
    return sum.plus(unitsInTier.times(heldDays))
  }, ZERO)
}

function stepOfTier({ above, upTo, perUnitAmount, flatAmount }: Tier, units: Exact): PricingStep {
  return pricingStep({ fromValue: above, toValue: upTo, units, perUnitAmount, flatAmount })
}
