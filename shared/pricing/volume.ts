import type { Issue } from '../errors.ts'
import { assert } from '../errors.ts'
import type { Exact } from '../money/decimal.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Pricing, Quantity } from './pricing.ts'
import { pricingOf, pricingStep } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import { openFields, parsed } from './property-fields.ts'
import type { RangeProperties, Tier } from './tiers.ts'
import { requireRanges, tiersOf } from './tiers.ts'

/** All units cost what the tier of their total says. */
export interface VolumeProperties extends GroupKeys {
  readonly volume_ranges: readonly RangeProperties[]
}

/** All units × the per-unit amount of the tier their total falls into + its flat amount, which is due without units too. */
export function priceVolume({ volume_ranges }: VolumeProperties, { units, fullUnits }: Quantity): Pricing {
  const { above, upTo, perUnitAmount, flatAmount } = tierOf(tiersOf(volume_ranges), fullUnits)
  const step = pricingStep({ fromValue: above, toValue: upTo, units, perUnitAmount, flatAmount })
  return pricingOf(units, fullUnits, [step])
}

export function parseVolumeProperties(value: unknown, loc: Location): Parsed<VolumeProperties> {
  const issues: Issue[] = []
  const fields = openFields(value, loc, issues, ['volume_ranges', GROUP_KEYS])
  const ranges = requireRanges(fields, 'volume_ranges', 'per_unit_amount')
  const groupKeys = findGroupKeys(fields)
  return parsed(issues, () => ({ volume_ranges: ranges, ...groupKeys }))
}

function tierOf(tiers: readonly Tier[], units: Exact): Tier {
  const tier = tiers.find(({ upTo }) => upTo === null || units.lessThanOrEqualTo(upTo))
  assert(tier !== undefined, 'volume ranges do not end with an open one')
  return tier
}
