import fc from 'fast-check'
import type { Charge } from '../../../shared/pricing/charge-models.ts'
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

export const charges: fc.Arbitrary<Charge> = fc.oneof(standardCharges, graduatedCharges, volumeCharges, packageCharges)
