import { Exact } from '../money/decimal.ts'
import type { Pricing, PricingStep, Quantity } from './pricing.ts'
import { pricingOf, pricingStep } from './pricing.ts'
import type { Tier } from './tiers.ts'

/**
 * Σ over the visited tiers of units in the tier × per-unit amount + flat amount. The first tier is visited even
 * without units, every other one as soon as the units pass its lower bound, be it by a fraction.
 */
export function priceThroughTiers(tiers: readonly Tier[], { units, fullUnits }: Quantity): Pricing {
  const visited = tiers.filter((tier, index) => index === 0 || units.greaterThan(tier.above))
  return pricingOf(
    units,
    fullUnits,
    visited.map((tier) => stepInTier(tier, units)),
  )
}

function stepInTier({ above, upTo, perUnitAmount, flatAmount }: Tier, units: Exact): PricingStep {
  const top = upTo === null ? units : Exact.min(units, upTo)
  return pricingStep({ fromValue: above, toValue: upTo, units: top.minus(above), perUnitAmount, flatAmount })
}
