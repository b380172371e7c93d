import type { Issue } from '../errors.ts'
import { Exact } from '../money/decimal.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Pricing, PricingStep, Quantity } from './pricing.ts'
import { pricingOf, pricingStep } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import { openFields, parsed } from './property-fields.ts'
import type { RangeProperties, Tier } from './tiers.ts'
import { requireRanges, tiersOf } from './tiers.ts'

/** Each unit costs what its own tier says. */
export interface GraduatedProperties extends GroupKeys {
  readonly graduated_ranges: readonly RangeProperties[]
}

/**
 * Σ over the visited tiers of units in the tier × per-unit amount + flat amount. The first tier is visited even
 * without units, every other one as soon as the units pass its lower bound, be it by a fraction.
 */
export function priceGraduated({ graduated_ranges }: GraduatedProperties, { units, fullUnits }: Quantity): Pricing {
  const visited = tiersOf(graduated_ranges).filter((tier, index) => index === 0 || units.greaterThan(tier.above))
  return pricingOf(
    units,
    fullUnits,
    visited.map((tier) => stepInTier(tier, units)),
  )
}

export function parseGraduatedProperties(value: unknown, loc: Location): Parsed<GraduatedProperties> {
  const issues: Issue[] = []
  const fields = openFields(value, loc, issues, ['graduated_ranges', GROUP_KEYS])
  const ranges = requireRanges(fields, 'graduated_ranges')
  const groupKeys = findGroupKeys(fields)
  return parsed(issues, () => ({ graduated_ranges: ranges, ...groupKeys }))
}

function stepInTier({ above, upTo, perUnitAmount, flatAmount }: Tier, units: Exact): PricingStep {
  const top = upTo === null ? units : Exact.min(units, upTo)
  return pricingStep({ fromValue: above, toValue: upTo, units: top.minus(above), perUnitAmount, flatAmount })
}
