import type { Issue } from '../errors.ts'
import { decimal, ZERO } from '../money/decimal.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Pricing, Quantity } from './pricing.ts'
import { pricingOf, pricingStep } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import { canonical, openFields, parsed, requireDecimal } from './property-fields.ts'

/** Every unit costs the same: `amount` in major units, as decimal text. */
export interface StandardProperties extends GroupKeys {
  readonly amount: string
}

/** Units × amount. */
export function priceStandard({ amount }: StandardProperties, { units, fullUnits }: Quantity): Pricing {
  const step = { fromValue: ZERO, toValue: null, units, perUnitAmount: decimal(amount), flatAmount: ZERO }
  return pricingOf(units, fullUnits, [pricingStep(step)])
}

export function parseStandardProperties(value: unknown, loc: Location): Parsed<StandardProperties> {
  const issues: Issue[] = []
  const fields = openFields(value, loc, issues, ['amount', GROUP_KEYS])
  const amount = requireDecimal(fields, 'amount')
  const groupKeys = findGroupKeys(fields)
  return parsed(issues, () => ({ amount: canonical(amount), ...groupKeys }))
}
