import { describe, expect, test } from 'vitest'
import { decimal } from '../../../shared/money/decimal.ts'
import type { Charge, PricedModel } from '../../../shared/pricing/charge-models.ts'
import { CHARGE_MODELS, isPricedModel, priceCharge } from '../../../shared/pricing/charge-models.ts'
import type { PricingStep } from '../../../shared/pricing/pricing.ts'
import { chargeOf } from './charge-of.ts'

type RangeRow = [from: number | string, to: number | string | null, perUnit: string, flat?: string]

function ranges(...rows: RangeRow[]): unknown[] {
  return rows.map(([from_value, to_value, per_unit_amount, flat_amount]) => ({
    from_value,
    to_value,
    per_unit_amount,
    ...(flat_amount === undefined ? {} : { flat_amount }),
  }))
}

const graduated = (...rows: RangeRow[]): Charge => chargeOf('graduated', { graduated_ranges: ranges(...rows) })
const volume = (...rows: RangeRow[]): Charge => chargeOf('volume', { volume_ranges: ranges(...rows) })
const packages = (amount: string, package_size: number | string, free_units: number): Charge =>
  chargeOf('package', { amount, package_size, free_units })

function amountOf(charge: Charge, units: string): string {
  return priceCharge(charge, decimal(units)).amount.toFixed()
}

function showStep(step: PricingStep): string {
  const bounds = `(${step.fromValue.toFixed()},${step.toValue?.toFixed() ?? '∞'}]`
  const price =
    step.packages === undefined
      ? `${step.units.toFixed()}×${step.perUnitAmount.toFixed()}+${step.flatAmount.toFixed()}`
      : `${step.packages.count.toFixed()}×${step.packages.amountEach.toFixed()}`
  return `${bounds} ${step.units.toFixed()}: ${price}=${step.amount.toFixed()}`
}

function stepsOf(charge: Charge, units: string): string[] {
  return priceCharge(charge, decimal(units)).steps.map(showStep)
}

test('four of the eight models are priced', () => {
  expect(CHARGE_MODELS.filter(isPricedModel)).toEqual(['standard', 'graduated', 'volume', 'package'])
  expect(isPricedModel('toString')).toBe(false)
})

describe('standard', () => {
  const charge = chargeOf('standard', { amount: '0.000002' })
  test('prices every unit the same, exactly', () => {
    expect(amountOf(charge, '22361870')).toBe('44.72374')
    expect(stepsOf(charge, '2.5')).toEqual(['(0,∞] 2.5: 2.5×0.000002+0=0.000005'])
  })
  test('no units cost nothing', () => {
    expect(priceCharge(charge, decimal('0'))).toMatchObject({ amount: decimal('0'), unitAmount: decimal('0') })
  })
})

describe('graduated', () => {
  const classic = graduated([0, 10, '10', '2'], [11, 20, '5', '3'], [21, null, '1', '4'])
  const adjacent = graduated([0, 10, '10', '2'], [10, 20, '5', '3'], [20, null, '1', '4'])
  test.each([
    ['no units cost the first flat fee', '0', '2'],
    ['a fraction of a unit is priced', '0.5', '7'],
    ['an upper bound belongs to the lower tier', '10', '102'],
    ['a fraction above a bound is priced in the next tier with its flat fee', '10.5', '107.5'],
    ['the next whole unit', '11', '110'],
    ['the second bound', '20', '155'],
    ['just above it', '20.0001', '159.0001'],
    ['far up the open tier', '1000', '1139'],
  ])('%s, however the ranges are written', (_rule, units, expected) => {
    expect(amountOf(classic, units)).toBe(expected)
    expect(amountOf(adjacent, units)).toBe(expected)
  })
  test('ranges written in both ways at once price every unit once', () => {
    const mixed = graduated(['0', '0.01', '1', '0'], ['0.01', '10', '10'], [11, null, '100'])
    expect(amountOf(mixed, '5')).toBe('49.91')
    expect(amountOf(mixed, '11')).toBe('199.91')
  })
  test('a first tier that ends at zero makes a fee due with the first usage', () => {
    const trick = graduated([0, 0, '0', '0'], [0, null, '0', '9'])
    expect([amountOf(trick, '0'), amountOf(trick, '0.1'), amountOf(trick, '100')]).toEqual(['0', '9', '9'])
  })
  test('a tier of one unit is a tier', () => {
    expect(amountOf(graduated([0, 10, '1'], [11, 11, '100'], [12, null, '2']), '12')).toBe('112')
  })
  test('the steps explain the amount', () => {
    expect(stepsOf(classic, '20.5')).toEqual([
      '(0,10] 10: 10×10+2=102',
      '(10,20] 10: 10×5+3=53',
      '(20,∞] 0.5: 0.5×1+4=4.5',
    ])
    expect(stepsOf(classic, '0')).toEqual(['(0,10] 0: 0×10+2=2'])
  })
})

describe('volume', () => {
  const charge = volume([0, 100, '2', '10'], [101, 200, '1', '0'], [200, null, '0.5', '50'])
  test.each([
    ['no units cost the first flat fee', '0', '10'],
    ['all units at the first price', '1', '12'],
    ['an upper bound belongs to the lower tier', '100', '210'],
    ['a fraction above a bound moves all units into the next tier', '100.5', '100.5'],
    ['the first whole unit of the next tier', '101', '101'],
    ['the second bound', '200', '200'],
    ['the open tier', '200.5', '150.25'],
  ])('%s', (_rule, units, expected) => {
    expect(amountOf(charge, units)).toBe(expected)
  })
  test('units weighted by time are priced in the tier of the units held', () => {
    const pricing = priceCharge(charge, decimal('50'), decimal('150'))
    expect([pricing.amount.toFixed(), pricing.unitAmount.toFixed(2)]).toEqual(['50', '0.33'])
  })
  test('one step explains the amount', () => {
    expect(stepsOf(charge, '100.5')).toEqual(['(100,200] 100.5: 100.5×1+0=100.5'])
  })
})

describe('package', () => {
  const charge = packages('100', 10, 5)
  test.each([
    ['no units open no package', '0', '0', '0'],
    ['free units open no package', '5', '0', '0'],
    ['a fraction above them opens one', '5.0001', '100', '1000000'],
    ['exactly one package', '15', '100', '10'],
    ['a fraction above it opens the second', '15.5', '200', '19.05'],
  ])('%s', (_rule, units, expected, unitAmount) => {
    expect(amountOf(charge, units)).toBe(expected)
    expect(priceCharge(charge, decimal(units)).unitAmount.toDecimalPlaces(2).toFixed()).toBe(unitAmount)
  })
  test('the steps show free units and packages', () => {
    expect(stepsOf(charge, '15.5')).toEqual(['(0,5] 5: 5×0+0=0', '(5,∞] 10.5: 2×100=200'])
    expect(stepsOf(charge, '0')).toEqual([])
  })
  test('the count of packages is exact where a quotient would be rounded', () => {
    const hair = `${'9'.repeat(30)}.${'0'.repeat(29)}1`
    expect(amountOf(packages('1', '9'.repeat(30), 0), hair)).toBe('2')
    expect(amountOf(packages('1', '3', 0), `3${'0'.repeat(28)}.${'0'.repeat(29)}1`)).toBe(`1${'0'.repeat(27)}1`)
  })
})

test.each<[PricedModel, unknown]>([
  ['standard', { amount: '3' }],
  ['graduated', { graduated_ranges: ranges([0, null, '3', '7']) }],
  ['volume', { volume_ranges: ranges([0, null, '3', '7']) }],
  ['package', { amount: '3', package_size: 1, free_units: 0 }],
])('%s prices units below zero as no units', (model, properties) => {
  const charge = chargeOf(model, properties)
  expect(priceCharge(charge, decimal('-4'))).toEqual(priceCharge(charge, decimal('0')))
  expect(priceCharge(charge, decimal('-4')).units.toFixed()).toBe('0')
})
