import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Exact } from '../../../shared/money/decimal.ts'
import { decimal, ZERO } from '../../../shared/money/decimal.ts'
import type { Charge } from '../../../shared/pricing/charge-models.ts'
import { neededUsage, priceCharge } from '../../../shared/pricing/charge-models.ts'
import { proratedUsage } from '../../../shared/pricing/unit-stack.ts'
import { charges, decimalTexts, eventLists, graduatedCharges, rangeLists, usageOfEvents } from './arbitrary-charges.ts'
import { chargeOf, priceUnits } from './charge-of.ts'
import { naivePrice, naiveStackPrice } from './naive-pricer.ts'

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
    fc.property(charges, eventLists, (charge, events) => {
      const { amount } = priceCharge(charge, usageOfEvents(events), 'USD')
      expect(amount.times(1_000_000).toFixed()).toBe(naivePrice(charge, events).toString())
    }),
    { numRuns: 1000 },
  )
})

test('the steps add up to the amount, and each follows from its own figures', () => {
  fc.assert(
    fc.property(charges, eventLists, (charge, events) => {
      const usage = usageOfEvents(events)
      const { amount, steps } = priceCharge(charge, usage, 'USD')
      expect(sum(steps.map((step) => step.amount)).equals(amount)).toBe(true)
      expect(sum(steps.map((step) => step.units)).equals(usage.units)).toBe(true)
      for (const step of steps) {
        const counted = [step.packages, step.transactions].map((one) => one?.count.times(one.amountEach) ?? ZERO)
        const expected = step.units.times(step.perUnitAmount).plus(step.flatAmount).plus(sum(counted))
        expect(step.amount.equals(expected)).toBe(true)
      }
    }),
  )
})

test('charges that say so are priced without a look at single events', () => {
  fc.assert(
    fc.property(charges, eventLists, (charge, list) => {
      const { events, ...sums } = usageOfEvents(list)
      if (neededUsage(charge) === 'events') {
        expect(() => priceCharge(charge, sums, 'USD')).toThrow(/without them/)
      } else {
        expect(priceCharge(charge, sums, 'USD')).toEqual(priceCharge(charge, { ...sums, events: events ?? [] }, 'USD'))
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
      const growth = priceUnits(charge, units.plus(more)).amount.minus(priceUnits(charge, units).amount)
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
        const jump = priceUnits(charge, bound.plus(tiny)).amount.minus(priceUnits(charge, bound).amount)
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
      const standard = priceUnits(chargeOf('standard', { amount }), units).amount
      expect(priceUnits(chargeOf('graduated', { graduated_ranges: ranges }), units).amount.equals(standard)).toBe(true)
      expect(priceUnits(chargeOf('volume', { volume_ranges: ranges }), units).amount.equals(standard)).toBe(true)
    }),
  )
})

test('a stack of units costs what walking it unit by unit costs', () => {
  // What comes later is held for fewer days.
  const lots = fc
    .array(fc.record({ units: fc.integer({ min: -12, max: 20 }), days: fc.integer({ min: 1, max: 30 }) }), {
      maxLength: 8,
    })
    .map((list) => list.toSorted((one, other) => other.days - one.days))
  fc.assert(
    fc.property(rangeLists, lots, (graduated_ranges, list) => {
      const stack = {
        lots: list.map(({ units, days }) => ({ units: decimal(String(units)), heldDays: decimal(String(days)) })),
        periodDays: decimal('30'),
      }
      const charge = chargeOf('graduated', { graduated_ranges })
      const { amount } = priceCharge(charge, proratedUsage(stack, BigInt(list.length)), 'USD')
      expect(amount.times(30_000_000).toDecimalPlaces(60).toFixed()).toBe(naiveStackPrice(charge, list).toString())
    }),
    { numRuns: 500 },
  )
})
