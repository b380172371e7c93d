import fc from 'fast-check'
import { EXPRESSIONS } from './reference-prices.ts'
import type { SentProperties } from './sent-charge.ts'

/** Decimal text from zero to `max`. */
export function decimals(max: number, places: number): fc.Arbitrary<string> {
  return fc.integer({ min: 0, max: max * 10 ** places }).map((digits) => (digits / 10 ** places).toFixed(places))
}

// Narrow, so that the usage of many a portion ends exactly on a bound.
const shapes = fc.array(
  fc.record({
    tenths: fc.constantFrom(10, 10, 10, 20, 20, 30, 50, 5, 25),
    startsOneAbove: fc.boolean(),
    price: decimals(20, 3),
    flat_amount: decimals(50, 2),
    hasFlat: fc.constantFrom(true, true, true, false),
  }),
  { minLength: 1, maxLength: 6 },
)

// A range begins at the end of the one before it, or one above where that is a whole number.
function ranges(price: 'per_unit_amount' | 'rate'): fc.Arbitrary<object[]> {
  return shapes.map((drawn) => {
    let end = 0
    return drawn.map(({ tenths, startsOneAbove, price: each, flat_amount, hasFlat }, index) => {
      const from = end
      end += tenths
      return {
        from_value: String((index > 0 && startsOneAbove && tenths >= 10 && from % 10 === 0 ? from + 10 : from) / 10),
        to_value: index === drawn.length - 1 ? null : String(end / 10),
        [price]: each,
        ...(hasFlat ? { flat_amount } : {}),
      }
    })
  })
}

const percentage = fc
  .record({
    rate: decimals(20, 3),
    fixed_amount: fc.option(decimals(3, 2)),
    free_units_per_events: fc.option(fc.integer({ min: 1, max: 5 })),
    free_units_per_total_aggregation: fc.option(decimals(40, 1)),
    minimum: fc.option(fc.integer({ min: 0, max: 100 })),
    above: fc.option(fc.integer({ min: 0, max: 200 })),
  })
  .map(({ minimum, above, ...properties }) => ({
    ...properties,
    per_transaction_min_amount: minimum === null ? null : String(minimum / 100),
    per_transaction_max_amount: above === null ? null : String(((minimum ?? 0) + above) / 100),
  }))

/** What is drawn for each model. */
export const PROPERTIES: Readonly<Record<string, fc.Arbitrary<object>>> = {
  standard: fc.record({ amount: decimals(10, 5) }),
  graduated: fc.record({ graduated_ranges: ranges('per_unit_amount') }),
  volume: fc.record({ volume_ranges: ranges('per_unit_amount') }),
  package: fc.record({ amount: decimals(10, 2), package_size: fc.integer({ min: 1, max: 9 }), free_units: fc.nat(9) }),
  percentage: fc.oneof(percentage, fc.record({ rate: decimals(20, 3), fixed_amount: decimals(3, 2) })),
  graduated_percentage: fc.record({ graduated_percentage_ranges: ranges('rate') }),
  dynamic: fc.constant({}),
  custom: fc.oneof(
    fc.record({ fixed_amount: decimals(10, 3) }),
    fc.record({ per_unit_amount: decimals(10, 4) }),
    fc.record({
      expression: fc.constantFrom(...Object.keys(EXPRESSIONS)),
      custom_properties: fc.record({ each: decimals(3, 2) }),
    }),
  ),
}

const groupKeys = fc.constantFrom([], [], ['region'], ['size', 'region'], ['meta.tier'])

/** Properties of a model, grouped or not. */
export function propertiesOf(model: string): fc.Arbitrary<SentProperties> {
  return fc
    .tuple(PROPERTIES[model] ?? fc.constant({}), groupKeys)
    .map(([prices, keys]) => ({ ...prices, ...(keys.length === 0 ? {} : { pricing_group_keys: keys }) }))
}
