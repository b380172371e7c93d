import type { Issue } from '../errors.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Pricing, Quantity } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import { openFields, parsed } from './property-fields.ts'
import { priceThroughTiers } from './tier-walk.ts'
import type { RangeProperties } from './tiers.ts'
import { requireRanges, tiersOf } from './tiers.ts'
import { priceStackThroughTiers } from './unit-stack.ts'

/** Each unit costs what its own tier says. */
export interface GraduatedProperties extends GroupKeys {
  readonly graduated_ranges: readonly RangeProperties[]
}

/**
 * What `priceThroughTiers` says, with each range's per-unit and flat amount; for units weighed by time what
 * `priceStackThroughTiers` says.
 */
export function priceGraduated({ graduated_ranges }: GraduatedProperties, quantity: Quantity): Pricing {
  const tiers = tiersOf(graduated_ranges)
  return quantity.stack === undefined
    ? priceThroughTiers(tiers, quantity)
    : priceStackThroughTiers(tiers, quantity.stack)
}

export function parseGraduatedProperties(value: unknown, loc: Location): Parsed<GraduatedProperties> {
  const issues: Issue[] = []
  const fields = openFields(value, loc, issues, ['graduated_ranges', GROUP_KEYS])
  const ranges = requireRanges(fields, 'graduated_ranges', 'per_unit_amount')
  const groupKeys = findGroupKeys(fields)
  return parsed(issues, () => ({ graduated_ranges: ranges, ...groupKeys }))
}
