import type { Issue } from '../errors.ts'
import { decimal } from '../money/decimal.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Pricing, Quantity } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import { openFields, parsed } from './property-fields.ts'
import { priceThroughTiers } from './tier-walk.ts'
import type { RangeProperties } from './tiers.ts'
import { requireRanges, tiersOf } from './tiers.ts'

/** The units are money, and each costs the percentage of its own tier. */
export interface GraduatedPercentageProperties extends GroupKeys {
  readonly graduated_percentage_ranges: readonly RangeProperties<'rate'>[]
}

/** What `priceThroughTiers` says, a unit costing rate / 100. */
export function priceGraduatedPercentage(
  { graduated_percentage_ranges }: GraduatedPercentageProperties,
  quantity: Quantity,
): Pricing {
  const ranges = graduated_percentage_ranges.map((range) => ({
    ...range,
    per_unit_amount: decimal(range.rate).div(100).toFixed(),
  }))
  return priceThroughTiers(tiersOf(ranges), quantity)
}

export function parseGraduatedPercentageProperties(
  value: unknown,
  loc: Location,
): Parsed<GraduatedPercentageProperties> {
  const issues: Issue[] = []
  const fields = openFields(value, loc, issues, ['graduated_percentage_ranges', GROUP_KEYS])
  const ranges = requireRanges(fields, 'graduated_percentage_ranges', 'rate')
  const groupKeys = findGroupKeys(fields)
  return parsed(issues, () => ({ graduated_percentage_ranges: ranges, ...groupKeys }))
}
