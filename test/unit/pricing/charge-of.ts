import { assert } from '../../../shared/errors.ts'
import type { Charge, PricedModel } from '../../../shared/pricing/charge-models.ts'
import { parseCharge } from '../../../shared/pricing/charge-models.ts'

/** The charge of properties that must be acceptable. */
export function chargeOf(model: PricedModel, properties: unknown): Charge {
  const parsed = parseCharge(model, properties, [])
  assert('charge' in parsed, JSON.stringify(parsed))
  return parsed.charge
}
