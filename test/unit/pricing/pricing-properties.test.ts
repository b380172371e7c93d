import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Exact } from '../../../shared/money/decimal.ts'
import { decimal, ZERO } from '../../../shared/money/decimal.ts'
import type { Charge } from '../../../shared/pricing/charge-models.ts'
import { priceCharge } from '../../../shared/pricing/charge-models.ts'
import { charges, decimalTexts, graduatedCharges, rangeLists } from './arbitrary-charges.ts'
import { chargeOf } from './charge-of.ts'
import { naivePrice } from './naive-pricer.ts'

const tenthsCounts = fc.integer({ min: 0, max: 900 })
const quantities = decimalTexts(100, 6).map(decimal)

function sum(amounts: readonly Exact[]): Exact {
  return amounts.reduce((total, amount) => total.plus(amount), ZERO)
}

function slopes(charge: Charge): Exact[] {
  return charge.model === 'graduated'
    ? charge.properties.graduated_ranges.map((range) => decimal(range.per_unit_amount))
    : []
}

test('a price equals that of walking the usage bit by bit', () => {
  fc.assert(
    fc.property(charges, tenthsCounts, (charge, tenths) => {
      const { amount } = priceCharge(charge, decimal(String(tenths)).div(10))
      expect(amount.times(1_000_000).toFixed()).toBe(naivePrice(charge, tenths).toString())
    }),
    { numRuns: 500 },
  )
})

test('the steps add up to the amount, and each follows from its own figures', () => {
  fc.assert(
    fc.property(charges, quantities, (charge, units) => {
      const { amount, steps } = priceCharge(charge, units)
      expect(sum(steps.map((step) => step.amount)).equals(amount)).toBe(true)
      expect(sum(steps.map((step) => step.units)).equals(units)).toBe(true)
      for (const step of steps) {
        const bought = step.packages === undefined ? ZERO : step.packages.count.times(step.packages.amountEach)
        const expected = step.units.times(step.perUnitAmount).plus(step.flatAmount).plus(bought)
        expect(step.amount.equals(expected)).toBe(true)
      }
    }),
  )
})

test('graduated prices are continuous where their prices are', () => {
  const withoutFees = rangeLists.map((ranges) =>
    chargeOf('graduated', { graduated_ranges: ranges.map((range) => ({ ...range, flat_amount: '0' })) }),
  )
  fc.assert(
    fc.property(withoutFees, quantities, decimalTexts(1, 9).map(decimal), (charge, units, more) => {
      const growth = priceCharge(charge, units.plus(more)).amount.minus(priceCharge(charge, units).amount)
      const steepest = slopes(charge).reduce((one, other) => (one.lessThan(other) ? other : one), ZERO)
      expect(growth.lessThan(0)).toBe(false)
      expect(growth.lessThanOrEqualTo(steepest.times(more))).toBe(true)
    }),
  )
})

test('a graduated price jumps at a bound by the flat fee of the next tier', () => {
  const tiny = decimal('0.000000001')
  fc.assert(
    fc.property(graduatedCharges, (charge) => {
      if (charge.model !== 'graduated') return
      charge.properties.graduated_ranges.slice(0, -1).forEach(({ to_value }, index) => {
        const next = charge.properties.graduated_ranges[index + 1]
        const bound = decimal(to_value ?? '')
        const jump = priceCharge(charge, bound.plus(tiny)).amount.minus(priceCharge(charge, bound).amount)
        const expected = decimal(next?.flat_amount ?? '').plus(tiny.times(next?.per_unit_amount ?? ''))
        expect(jump.equals(expected)).toBe(true)
      })
    }),
  )
})

test('equal prices in all tiers and no fees make graduated, volume and standard agree', () => {
  fc.assert(
    fc.property(rangeLists, decimalTexts(20, 4), quantities, (shape, amount, units) => {
      const ranges = shape.map((range) => ({ ...range, per_unit_amount: amount, flat_amount: '0' }))
      const standard = priceCharge(chargeOf('standard', { amount }), units).amount
      expect(priceCharge(chargeOf('graduated', { graduated_ranges: ranges }), units).amount.equals(standard)).toBe(true)
      expect(priceCharge(chargeOf('volume', { volume_ranges: ranges }), units).amount.equals(standard)).toBe(true)
    }),
  )
})
