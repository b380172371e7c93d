import fc from 'fast-check'
import { decimal, ZERO } from '../../../shared/money/decimal.ts'
import type { Charge } from '../../../shared/pricing/charge-models.ts'
import type { MeteredUsage } from '../../../shared/pricing/metered-usage.ts'
import { chargeOf } from './charge-of.ts'

/** Decimal text with up to `places` digits behind the point. */
export function decimalTexts(max: number, places: number): fc.Arbitrary<string> {
  const scale = 10 ** places
  return fc.integer({ min: 0, max: max * scale }).map((digits) => {
    const text = String(digits).padStart(places + 1, '0')
    return places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`
  })
}

const rangeShapes = fc.array(
  fc.record({
    width: fc.integer({ min: 1, max: 12 }),
    startsOneAbove: fc.boolean(),
    perUnit: decimalTexts(20, 3),
    flat: fc.option(decimalTexts(50, 2), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 5 },
)

/** Valid ranges with whole bounds, each written in either way. */
export const rangeLists = rangeShapes.map((shapes) => {
  let end = 0
  return shapes.map(({ width, startsOneAbove, perUnit, flat }, index) => {
    const from_value = index > 0 && startsOneAbove ? end + 1 : end
    end += width
    const to_value = index === shapes.length - 1 ? null : end
    return { from_value, to_value, per_unit_amount: perUnit, ...(flat === undefined ? {} : { flat_amount: flat }) }
  })
})

export const graduatedCharges = rangeLists.map((graduated_ranges) => chargeOf('graduated', { graduated_ranges }))

const volumeCharges = rangeLists.map((volume_ranges) => chargeOf('volume', { volume_ranges }))

const packageCharges = fc
  .record({
    amount: decimalTexts(100, 2),
    package_size: fc.integer({ min: 1, max: 20 }),
    free_units: fc.integer({ min: 0, max: 30 }),
  })
  .map((properties) => chargeOf('package', properties))

const standardCharges = decimalTexts(100, 5).map((amount) => chargeOf('standard', { amount }))

const rateRangeLists = rangeLists.map((ranges) =>
  ranges.map(({ per_unit_amount: rate, ...range }) => ({ ...range, rate })),
)

const graduatedPercentageCharges = rateRangeLists.map((graduated_percentage_ranges) =>
  chargeOf('graduated_percentage', { graduated_percentage_ranges }),
)

const amounts = decimalTexts(5, 2)

const percentageCharges = fc
  .record({
    rate: decimalTexts(20, 3),
    fixed_amount: fc.option(amounts),
    free_units_per_events: fc.option(fc.integer({ min: 0, max: 6 })),
    free_units_per_total_aggregation: fc.option(fc.integer({ min: 0, max: 60 })),
    minimum: fc.option(amounts),
    over: fc.option(amounts),
  })
  .map(({ minimum, over, ...properties }) =>
    chargeOf('percentage', {
      ...properties,
      per_transaction_min_amount: minimum,
      per_transaction_max_amount:
        over === null
          ? null
          : decimal(minimum ?? '0')
              .plus(over)
              .toFixed(),
    }),
  )

const customCharges = fc
  .tuple(fc.constantFrom('fixed_amount', 'per_unit_amount'), decimalTexts(100, 5))
  .map(([name, amount]) => chargeOf('custom', { [name]: amount }))

/** Charges of every model. */
export const charges: fc.Arbitrary<Charge> = fc.oneof(
  standardCharges,
  graduatedCharges,
  volumeCharges,
  packageCharges,
  graduatedPercentageCharges,
  percentageCharges,
  customCharges,
  fc.constant(chargeOf('dynamic', {})),
)

/** Events of up to 12 units each, in tenths, that each bring a price in cents. */
export const eventLists = fc.array(
  fc.record({ tenths: fc.integer({ min: 0, max: 120 }), cents: fc.integer({ min: 0, max: 500 }) }),
  { maxLength: 8 },
)

/** The usage that such events are. */
export function usageOfEvents(events: readonly { readonly tenths: number; readonly cents: number }[]): MeteredUsage {
  const metered = events.map(({ tenths, cents }) => ({
    value: decimal(String(tenths)).div(10),
    amountMinor: decimal(String(cents)),
  }))
  const units = metered.reduce((sum, { value }) => sum.plus(value), ZERO)
  return { units, eventsCount: BigInt(events.length), events: metered }
}
