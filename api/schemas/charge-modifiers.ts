import Type from 'typebox'
import { WINDOW_SIZES } from '../../shared/calendar/windows.ts'
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
      description:
        'Digits after the point, or before it when negative; 0 when left out. Goes with a `rounding_mode` only.',
    }),
  ),
})

const PricingUnit = Input('PricingUnit', {
  code: Type.String({ minLength: 1, maxLength: 255, examples: ['credits'] }),
  conversion_rate: DecimalInput,
})

const PriceMatrix = Input(
  'PriceMatrix',
  {
    dimensions: Type.Array(Type.String(), { description: 'Two event properties.' }),
    prices: Type.Array(Input('MatrixPrice', { values: Type.Array(Type.String()), amount: DecimalInput }), {
      maxItems: 10_000,
    }),
  },
  {
    description: 'Prices of a unit by the values of two event properties; other values cost the amount of the charge.',
  },
)

const PricedWindows = Input('PricedWindows', {
  size: Choice(WINDOW_SIZES, {
    title: 'WindowSize',
    description: 'By the clock of the customer; each window is priced by itself.',
  }),
  commitment: Type.Optional(
    Nullable(
      Input('WindowCommitment', {
        amount: Type.Optional(DecimalInput),
        units: Type.Optional(DecimalInput),
        overage_factor: Type.Optional(DecimalInput),
        true_up: Type.Optional(Type.Boolean({ description: 'Whether a window below its commitment costs it.' })),
      }),
    ),
  ),
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
  matrix: Type.Optional(Nullable(PriceMatrix)),
  windows: Type.Optional(Nullable(PricedWindows)),
  prorated: Type.Optional(
    Nullable(Type.Boolean({ description: 'Whether units count for the part of the period in which they are held.' })),
  ),
}
