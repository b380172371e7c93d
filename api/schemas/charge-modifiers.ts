import Type from 'typebox'
import { Choice, DecimalInput, Input, Nullable } from './common.ts'

const CENTS = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER }

const UnitConversion = Input('UnitConversion', {
  operation: Choice(['multiply', 'divide']),
  factor: DecimalInput,
  rounding_mode: Type.Optional(Nullable(Choice(['round', 'ceil', 'floor']))),
  precision: Type.Optional(
    Type.Integer({
      minimum: -15,
      maximum: 15,
      description: 'Digits after the point, or before it when negative; 0 when left out.',
    }),
  ),
})

const PricingUnit = Input('PricingUnit', {
  code: Type.String({ minLength: 1, maxLength: 255, examples: ['credits'] }),
  conversion_rate: DecimalInput,
})

/** What changes units or amount of a charge around its model; all optional, answered as they were written. */
export const CHARGE_MODIFIERS = {
  min_amount_cents: Type.Optional(
    Nullable(Type.Integer({ ...CENTS, description: 'What the charge costs at least in a whole period.' })),
  ),
  max_amount_cents: Type.Optional(
    Nullable(Type.Integer({ ...CENTS, description: 'What the charge costs at most in a period.' })),
  ),
  free_units: Type.Optional(DecimalInput),
  percentage_discount: Type.Optional(DecimalInput),
  unit_conversion: Type.Optional(Nullable(UnitConversion)),
  pricing_unit: Type.Optional(Nullable(PricingUnit)),
  prorated: Type.Optional(
    Nullable(Type.Boolean({ description: 'Whether units count for the part of the period in which they are held.' })),
  ),
}
