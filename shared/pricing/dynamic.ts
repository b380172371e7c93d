import type { Issue } from '../errors.ts'
import { minorUnitDigits } from '../money/currency.ts'
import { Exact, ZERO } from '../money/decimal.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Pricing, Quantity } from './pricing.ts'
import { pricingOf, pricingStep, requireEvents } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import { openFields, parsed } from './property-fields.ts'

/** The price comes with each event. */
export interface DynamicProperties extends GroupKeys {}

/**
 * Σ of the amounts that came with the events, whatever their units come to. An event without an amount costs nothing;
 * amounts that come to less than nothing, such as refunds alone, are priced as none.
 */
export function priceDynamic(_properties: DynamicProperties, quantity: Quantity): Pricing {
  const { units, fullUnits, currency } = quantity
  const amountMinor = requireEvents(quantity).reduce((sum, event) => sum.plus(event.amountMinor ?? ZERO), ZERO)
  const flatAmount = Exact.max(amountMinor, 0).div(Exact.pow(10, minorUnitDigits(currency)))
  const step = pricingStep({ fromValue: ZERO, toValue: null, units, perUnitAmount: ZERO, flatAmount })
  return pricingOf(units, fullUnits, [step])
}

export function parseDynamicProperties(value: unknown, loc: Location): Parsed<DynamicProperties> {
  const issues: Issue[] = []
  const groupKeys = findGroupKeys(openFields(value, loc, issues, [GROUP_KEYS]))
  return parsed(issues, () => groupKeys)
}
