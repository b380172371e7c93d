import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decimal, type Exact, ZERO } from '../../../shared/money/decimal.ts'
import type { Charge } from '../../../shared/pricing/charge-models.ts'
import { neededUsage, priceCharge } from '../../../shared/pricing/charge-models.ts'
import type { MeteredUsage } from '../../../shared/pricing/metered-usage.ts'
import type { ChargeModifiers } from '../../../shared/pricing/modifiers.ts'
import { priceUsage } from '../../../shared/pricing/price-usage.ts'
import type { PricedWindows } from '../../../shared/pricing/priced-windows.ts'
import { proratedUsage } from '../../../shared/pricing/unit-stack.ts'
import { charges, decimalTexts, eventLists, usageOfEvents } from './arbitrary-charges.ts'
import { chargeOf } from './charge-of.ts'

const standard = (amount: string): Charge => chargeOf('standard', { amount })

function amountOf(charge: Charge, modifiers: ChargeModifiers, usage: string | MeteredUsage): string {
  const metered = typeof usage === 'string' ? { units: decimal(usage) } : usage
  return priceUsage(charge, modifiers, metered, 'USD').amount.toFixed()
}

function sum(amounts: readonly Exact[]): Exact {
  return amounts.reduce((total, amount) => total.plus(amount), ZERO)
}

test('without modifiers a price is that of its model', () => {
  fc.assert(
    fc.property(charges, eventLists, (charge, events) => {
      const usage = usageOfEvents(events)
      expect(priceUsage(charge, {}, usage, 'USD')).toEqual({ ...priceCharge(charge, usage, 'USD'), adjustments: [] })
    }),
  )
})

describe('a unit conversion', () => {
  const divide = (mode?: 'round' | 'ceil' | 'floor', precision = 0): ChargeModifiers => ({
    unitConversion: {
      operation: 'divide',
      factor: decimal('1000'),
      rounding: mode === undefined ? null : { mode, precision },
    },
  })
  test.each<[string, ChargeModifiers, string, string]>([
    ['divides', divide(), '1400', '14'],
    ['multiplies', { unitConversion: { operation: 'multiply', factor: decimal('2.5'), rounding: null } }, '4', '100'],
    ['then rounds up', divide('ceil'), '1001', '20'],
    ['or down', divide('floor'), '1999', '10'],
    ['or half away from zero', divide('round'), '1500', '20'],
    ['to digits behind the point', divide('ceil', 1), '1401', '15'],
    ['or before it', divide('ceil', -1), '1', '100'],
  ])('%s', (_rule, modifiers, units, expected) => {
    expect(amountOf(standard('10'), modifiers, units)).toBe(expected)
  })
  test('shows the units that were counted, and in its steps those that were priced', () => {
    const { units, unitAmount, steps } = priceUsage(standard('10'), divide('ceil'), { units: decimal('1400') }, 'USD')
    expect([units, ...steps.map((step) => step.units)].map((one) => one.toFixed())).toEqual(['1400', '2'])
    expect(unitAmount.toSignificantDigits(4).toFixed()).toBe('0.01429')
  })
})

test('everything happens in its order', () => {
  const modifiers: ChargeModifiers = {
    unitConversion: { operation: 'divide', factor: decimal('100'), rounding: { mode: 'ceil', precision: 0 } },
    freeUnits: decimal('2'),
    pricingUnit: { code: 'credits', conversionRate: decimal('0.5') },
    percentageDiscount: decimal('10'),
    maxAmountMinor: 2000n,
  }
  // 850 are 9 hundreds, 7 of them paid: 70 credits are 35 dollars, 31.50 after the discount, and 20 at most.
  const { amount, adjustments } = priceUsage(standard('10'), modifiers, { units: decimal('850') }, 'USD')
  expect(amount.toFixed()).toBe('20')
  expect(adjustments.map(({ kind, amount: change }) => `${kind} ${change.toFixed()}`)).toEqual([
    'conversion -35',
    'percentage_discount -3.5',
    'maximum_spend -11.5',
  ])
})

describe('windows', () => {
  const hourly = (commitment?: PricedWindows['commitment']): ChargeModifiers => ({
    windows: { size: 'hour', ...(commitment === undefined ? {} : { commitment }) },
  })
  const windows = (...counts: string[]): MeteredUsage => ({
    units: sum(counts.map(decimal)),
    windows: counts.map((units) => ({ units: decimal(units) })),
  })
  const tiers = chargeOf('graduated', {
    graduated_ranges: [
      { from_value: 0, to_value: 10, per_unit_amount: '2', flat_amount: '1' },
      { from_value: 10, to_value: null, per_unit_amount: '1' },
    ],
  })
  test('begin their tiers and fees anew', () => {
    expect(amountOf(tiers, hourly(), windows('12', '5'))).toBe('34')
    expect(amountOf(tiers, {}, '17')).toBe('28')
  })
  test('without usage have no price', () => {
    expect(amountOf(tiers, hourly(), windows('0', '5', '0'))).toBe('11')
    expect(amountOf(tiers, hourly(), windows())).toBe('0')
  })
  test('cost what came with their events, even when those are of no units', () => {
    const event = { value: ZERO, amountMinor: decimal('250') }
    const usage = {
      units: ZERO,
      windows: [
        { units: ZERO, eventsCount: 1n, events: [event] },
        { units: ZERO, events: [] },
      ],
    }
    expect(amountOf(chargeOf('dynamic', {}), hourly(), usage)).toBe('2.5')
  })
  test('show one step for each price that they have in common', () => {
    const { steps } = priceUsage(tiers, hourly(), windows('12', '5', '30'), 'USD')
    expect(
      steps.map(({ units, flatAmount, amount }) => [units, flatAmount, amount].map((one) => one.toFixed())),
    ).toEqual([
      ['25', '3', '53'],
      ['22', '0', '22'],
    ])
  })
  test('use up free units one after the other', () => {
    expect(amountOf(standard('2'), { ...hourly(), freeUnits: decimal('7') }, windows('5', '5', '5'))).toBe('16')
  })
  const ofAmount = { committed: { amount: decimal('10') }, overageFactor: decimal('2') }
  test.each<[string, PricedWindows['commitment'], string]>([
    ['costs more beyond it', { ...ofAmount, trueUp: false }, '26'],
    ['is due in windows that stay below it', { ...ofAmount, trueUp: true }, '42'],
    ['may be one of units', { committed: { units: decimal('6') }, overageFactor: decimal('1.5'), trueUp: true }, '42'],
  ])('a commitment %s', (_rule, commitment, expected) => {
    expect(amountOf(standard('2'), hourly(commitment), windows('2', '8', '0'))).toBe(expected)
  })
  test('that nobody loaded are a fault', () => {
    expect(() => amountOf(standard('2'), hourly(), '5')).toThrow(/without windows/)
  })
})

describe('a matrix', () => {
  const matrix: ChargeModifiers = {
    matrix: {
      dimensions: ['region', 'size'],
      prices: [
        { values: ['eu', 'large'], amount: decimal('3') },
        { values: ['us', 'large'], amount: decimal('2') },
      ],
    },
  }
  const cells = (...rows: [string | null, string | null, string][]): MeteredUsage => ({
    units: sum(rows.map(([, , units]) => decimal(units))),
    cells: rows.map(([one, other, units]) => ({ values: [one, other], units: decimal(units) })),
  })
  test('prices each pair of values, and what is not in the table by the amount of the charge', () => {
    const usage = cells(['eu', 'large', '2'], ['us', 'large', '5'], ['large', 'eu', '1'], [null, 'large', '4'])
    const { amount, steps } = priceUsage(standard('1'), matrix, usage, 'USD')
    expect(amount.toFixed()).toBe('21')
    expect(steps.map(({ cell, amount: part }) => `${cell?.join('/')} ${part.toFixed()}`)).toEqual([
      'eu/large 6',
      'us/large 10',
      'large/eu 1',
      '/large 4',
    ])
  })
  test('does not let one pair below zero pay for another', () => {
    expect(amountOf(standard('1'), matrix, cells(['eu', 'large', '-2'], ['us', 'large', '1']))).toBe('2')
  })
})

test('a prorated charge without its days is a fault', () => {
  expect(() => amountOf(standard('1'), { prorated: true }, '5')).toThrow(/without days/)
  const usage = proratedUsage(
    { lots: [{ units: decimal('4'), heldDays: decimal('15') }], periodDays: decimal('30') },
    1n,
  )
  expect(amountOf(standard('1'), { prorated: true }, usage)).toBe('2')
})

test('half a cent that periodic fractions make up is half a cent', () => {
  const usage = proratedUsage(
    { lots: [{ units: decimal('1'), heldDays: decimal('10') }], periodDays: decimal('30') },
    1n,
  )
  const pricingUnit = { code: 'credits', conversionRate: decimal('15') }
  expect(amountOf(standard('0.001'), { pricingUnit }, usage)).toBe('0.005')
})

const modifierSets: fc.Arbitrary<ChargeModifiers> = fc
  .record({
    freeUnits: fc.option(decimalTexts(40, 2).map(decimal)),
    percentageDiscount: fc.option(decimalTexts(100, 2).map(decimal)),
    maxAmountMinor: fc.option(fc.bigInt(0n, 20_000n)),
    rate: fc.option(decimalTexts(3, 3).map(decimal)),
    perThousand: fc.boolean(),
  })
  .map(({ freeUnits, percentageDiscount, maxAmountMinor, rate, perThousand }) => ({
    ...(freeUnits === null ? {} : { freeUnits }),
    ...(percentageDiscount === null ? {} : { percentageDiscount }),
    ...(maxAmountMinor === null ? {} : { maxAmountMinor }),
    ...(rate === null ? {} : { pricingUnit: { code: 'credits', conversionRate: rate } }),
    ...(perThousand
      ? { unitConversion: { operation: 'divide', factor: decimal('7'), rounding: { mode: 'ceil', precision: 1 } } }
      : {}),
  }))

const unitCharges = charges.filter((charge) => neededUsage(charge) === 'units')

test('steps and adjustments add up to the amount, which is neither negative nor above the maximum', () => {
  fc.assert(
    fc.property(unitCharges, modifierSets, eventLists, (charge, modifiers, events) => {
      const { amount, steps, adjustments } = priceUsage(charge, modifiers, usageOfEvents(events), 'USD')
      expect(sum([...steps, ...adjustments].map((part) => part.amount)).toFixed()).toBe(amount.toFixed())
      expect(amount.isNegative() && !amount.isZero()).toBe(false)
      const cap = modifiers.maxAmountMinor === undefined ? amount : decimal(modifiers.maxAmountMinor).div(100)
      expect(amount.lessThanOrEqualTo(cap)).toBe(true)
    }),
  )
})

test('the price of one window is that of the whole, and of a matrix of equal prices that of the charge', () => {
  fc.assert(
    fc.property(decimalTexts(20, 3), modifierSets, decimalTexts(100, 3).map(decimal), (amount, modifiers, units) => {
      const { freeUnits: _none, ...others } = modifiers
      const whole = amountOf(standard(amount), modifiers, { units })
      const one = { units, windows: [{ units }] }
      expect(amountOf(standard(amount), { ...modifiers, windows: { size: 'day' } }, one)).toBe(whole)
      const cells = { units, cells: [{ values: ['a', 'b'] as const, units }] }
      const matrix = {
        dimensions: ['x', 'y'] as const,
        prices: [{ values: ['a', 'b'] as const, amount: decimal(amount) }],
      }
      expect(amountOf(standard('999'), { ...others, matrix }, cells)).toBe(
        amountOf(standard(amount), others, { units }),
      )
    }),
  )
})
