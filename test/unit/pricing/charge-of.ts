import { assert } from '../../../shared/errors.ts'
import type { Exact } from '../../../shared/money/decimal.ts'
import { decimal } from '../../../shared/money/decimal.ts'
import type { Charge, ChargeModel } from '../../../shared/pricing/charge-models.ts'
import { parseCharge, priceCharge } from '../../../shared/pricing/charge-models.ts'
import type { Pricing } from '../../../shared/pricing/pricing.ts'

/** The charge of properties that must be acceptable. */
export function chargeOf(model: ChargeModel, properties: unknown): Charge {
  const parsed = parseCharge(model, properties, [])
  assert('charge' in parsed, JSON.stringify(parsed))
  return parsed.charge
}

/** The price of units alone, in dollars. */
export function priceUnits(charge: Charge, units: Exact | string): Pricing {
  return priceCharge(charge, { units: typeof units === 'string' ? decimal(units) : units }, 'USD')
}
