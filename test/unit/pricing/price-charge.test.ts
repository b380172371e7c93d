import { describe, expect, test } from 'vitest'
import { decimal, ZERO } from '../../../shared/money/decimal.ts'
import type { Charge, ChargeModel } from '../../../shared/pricing/charge-models.ts'
import { CHARGE_MODELS, canProrate, neededUsage, priceCharge } from '../../../shared/pricing/charge-models.ts'
import type { MeteredEvent, MeteredUsage } from '../../../shared/pricing/metered-usage.ts'
import type { PricingStep } from '../../../shared/pricing/pricing.ts'
import { proratedUsage } from '../../../shared/pricing/unit-stack.ts'
import { chargeOf, priceUnits } from './charge-of.ts'

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
  return priceUnits(charge, decimal(units)).amount.toFixed()
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
  return priceUnits(charge, decimal(units)).steps.map(showStep)
}

describe('standard', () => {
  const charge = chargeOf('standard', { amount: '0.000002' })
  test('prices every unit the same, exactly', () => {
    expect(amountOf(charge, '22361870')).toBe('44.72374')
    expect(stepsOf(charge, '2.5')).toEqual(['(0,∞] 2.5: 2.5×0.000002+0=0.000005'])
  })
  test('no units cost nothing', () => {
    expect(priceUnits(charge, decimal('0'))).toMatchObject({ amount: decimal('0'), unitAmount: decimal('0') })
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
    const pricing = priceCharge(charge, { units: decimal('50'), fullUnits: decimal('150') }, 'USD')
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
    expect(priceUnits(charge, decimal(units)).unitAmount.toDecimalPlaces(2).toFixed()).toBe(unitAmount)
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

/** Events as their values, or as values with the cents that were sent along. */
function eventsOf(...values: (string | [value: string, cents: string])[]): MeteredUsage {
  const events = values.map((event): MeteredEvent => {
    const [value, cents] = typeof event === 'string' ? [event, undefined] : event
    return { value: decimal(value), ...(cents === undefined ? {} : { amountMinor: decimal(cents) }) }
  })
  const units = events.reduce((total, { value }) => total.plus(value), ZERO)
  return { units, eventsCount: BigInt(events.length), events }
}

function amountOfEvents(charge: Charge, usage: MeteredUsage, currency = 'USD'): string {
  return priceCharge(charge, usage, currency).amount.toFixed()
}

describe('graduated_percentage', () => {
  const charge = chargeOf('graduated_percentage', {
    graduated_percentage_ranges: [
      { from_value: 0, to_value: 10, rate: '10' },
      { from_value: 10, to_value: null, rate: '5', flat_amount: '1' },
    ],
  })
  test('rates each unit by its own tier, once, where ranges touch', () => {
    expect(['0', '10', '10.5', '20'].map((units) => amountOf(charge, units))).toEqual(['0', '1', '2.025', '2.5'])
  })
})

describe('percentage', () => {
  const percentage = (properties: object): Charge => chargeOf('percentage', { rate: '1', ...properties })
  const fixed = { fixed_amount: '5' }
  test.each<[string, object, string[], string]>([
    ['a rate takes its share of all units', {}, ['10', '90'], '1'],
    ['each event costs its fixed amount', fixed, ['10', '90'], '11'],
    ['nothing is due without units', fixed, ['0', '0'], '0'],
    ['units that come back to zero cost nothing', fixed, ['10', '-10'], '0'],
    ['the first events are free', { ...fixed, free_units_per_events: 1 }, ['10', '90'], '5.9'],
    ['fewer than the free events cost nothing', { ...fixed, free_units_per_events: 3 }, ['10', '90'], '0'],
    ['the first units are free', { ...fixed, free_units_per_total_aggregation: 50 }, ['10', '90'], '5.5'],
    ['the event that uses them up pays', { ...fixed, free_units_per_total_aggregation: 100 }, ['10', '90'], '5'],
    [
      'free events end before free units',
      { ...fixed, free_units_per_events: 1, free_units_per_total_aggregation: 50 },
      ['10', '90'],
      '5.9',
    ],
    [
      'free units end before free events, at the first event as well',
      { ...fixed, free_units_per_events: 3, free_units_per_total_aggregation: 5 },
      ['10', '90'],
      '10.95',
    ],
  ])('%s', (_rule, properties, values, expected) => {
    expect(amountOfEvents(percentage(properties), eventsOf(...values))).toBe(expected)
  })
  test.each<[string, object, string[], string]>([
    ['an event costs at least the minimum', { per_transaction_min_amount: '0.5' }, ['10', '90'], '1.4'],
    ['an event costs at most the maximum', { per_transaction_max_amount: '0.5' }, ['10', '90'], '0.6'],
    ['the minimum holds for an event of nothing', { per_transaction_min_amount: '0.5' }, ['0'], '0.5'],
    ['a free event costs no minimum', { per_transaction_min_amount: '2', free_units_per_events: 1 }, ['10', '90'], '2'],
    [
      'an event that is covered whole by free units costs no minimum',
      { per_transaction_min_amount: '2', free_units_per_total_aggregation: 10 },
      ['10', '90'],
      '2',
    ],
    [
      'the event in which free units end is rated on the rest',
      { per_transaction_max_amount: '2', free_units_per_total_aggregation: 30 },
      ['10', '90'],
      '0.7',
    ],
    ['an event below zero is one of zero', { per_transaction_max_amount: '2' }, ['100', '-50'], '1'],
  ])('with bounds, %s', (_rule, properties, values, expected) => {
    expect(amountOfEvents(percentage(properties), eventsOf(...values))).toBe(expected)
  })
  test('the steps show what was free, rated, raised and lowered', () => {
    const charge = percentage({
      fixed_amount: '1',
      free_units_per_events: 1,
      per_transaction_min_amount: '2',
      per_transaction_max_amount: '5',
    })
    const { steps } = priceCharge(charge, eventsOf('7', '10', '300', '20', '900'), 'USD')
    expect(
      steps.map(({ units, transactions, amount }) =>
        [units, transactions?.count, amount].map((part) => part?.toFixed()),
      ),
    ).toEqual([
      ['7', '1', '0'],
      ['30', '2', '4'],
      ['300', '1', '4'],
      ['900', '1', '5'],
    ])
  })
})

describe('dynamic', () => {
  const charge = chargeOf('dynamic', {})
  test('adds up the prices that came with the events, in fractions of a minor unit', () => {
    expect(amountOfEvents(charge, eventsOf(['1', '0.004'], ['1', '0.004']))).toBe('0.00008')
    expect(amountOfEvents(charge, eventsOf(['1', '12.5']), 'JPY')).toBe('12.5')
    expect(amountOfEvents(charge, eventsOf(['1', '12.5']), 'KWD')).toBe('0.0125')
  })
  test('an event without a price costs nothing, and units of zero lose nothing', () => {
    expect(amountOfEvents(charge, eventsOf('5', ['-5', '40.2']))).toBe('0.402')
  })
  test('refunds alone are no credit', () => {
    expect(amountOfEvents(charge, eventsOf(['1', '-40']))).toBe('0')
  })
})

describe('custom', () => {
  const expression = (text: string, constants = {}): Charge =>
    chargeOf('custom', { expression: text, custom_properties: constants })
  const models = (...rows: [model: string, value: string][]): MeteredUsage => {
    const usage = eventsOf(...rows.map(([, value]) => value))
    return {
      ...usage,
      events: usage.events?.map((event, index) => ({ ...event, properties: { model: rows[index]?.[0] } })) ?? [],
    }
  }
  test.each([
    ['units * 0.1 + events_count', '10', '1'],
    ['units > 100 ? 5 : 7', '10', '7'],
    ['max(units, 20) * 0.5', '10', '10'],
    ['units * custom_properties.rate', '10', '2.5'],
    ['5 - units', '10', '0'],
    ['units / events_count', '10', '0'],
  ])('%s', (text, units, expected) => {
    expect(amountOf(expression(text, { rate: '0.25' }), units)).toBe(expected)
  })
  test('a fixed amount is due without usage, a per-unit amount is not', () => {
    expect(amountOf(chargeOf('custom', { fixed_amount: '5' }), '0')).toBe('5')
    expect(amountOf(chargeOf('custom', { per_unit_amount: '5' }), '0')).toBe('0')
    expect(amountOf(chargeOf('custom', { per_unit_amount: '5' }), '1.5')).toBe('7.5')
  })
  test('an expression may price each event by its properties', () => {
    const charge = expression('sum(value * (properties.model == "large" ? 3 : 1)) + count(value > 4)')
    expect(neededUsage(charge)).toBe('events')
    expect(amountOfEvents(charge, models(['large', '2'], ['small', '5'], ['large', '1']))).toBe('15')
  })
  test('events are asked for only where an expression reads them', () => {
    expect(neededUsage(expression('units * 2'))).toBe('units')
    expect(() => amountOf(expression('sum(value)'), '1')).toThrow(/without them/)
  })
  test('more than an invoice can hold is a fault, not an invoice', () => {
    expect(() => amountOf(expression('1e20 * 1e20'), '1')).toThrow(/more than an invoice can hold/)
  })
})

describe('units weighed by the days they were held', () => {
  const lots = (...rows: [units: string, days: string][]): MeteredUsage =>
    proratedUsage(
      {
        lots: rows.map(([units, days]) => ({ units: decimal(units), heldDays: decimal(days) })),
        periodDays: decimal('30'),
      },
      BigInt(rows.length),
    )
  const tiers = graduated([0, 5, '10', '100'], [6, null, '5', '50'])
  test.each<[string, [string, string][], string]>([
    ['nothing costs the first flat fee', [], '100'],
    ['a unit costs its days', [['1', '15']], '105'],
    [
      'the place in the stack picks the tier',
      [
        ['4', '30'],
        ['2', '15'],
      ],
      '197.5',
    ],
    [
      'what goes is taken from the top',
      [
        ['6', '30'],
        ['-2', '15'],
      ],
      '197.5',
    ],
    [
      'the highest place decides about flat fees',
      [
        ['6', '30'],
        ['-6', '30'],
      ],
      '150',
    ],
    [
      'below an empty stack nothing is due',
      [
        ['2', '30'],
        ['-3', '15'],
      ],
      '0',
    ],
    [
      'what is missing is filled before anything costs',
      [
        ['-3', '30'],
        ['4', '15'],
      ],
      '105',
    ],
    [
      'what was gone before takes no place',
      [
        ['100', '0'],
        ['1', '30'],
      ],
      '110',
    ],
  ])('%s', (_rule, rows, expected) => {
    expect(amountOfEvents(tiers, lots(...rows))).toBe(expected)
  })
  test('a price that is exactly half a cent stays so, though its parts are periodic', () => {
    const charge = graduated([0, 1, '0.0075'], [1, null, '0.00375'])
    const { amount } = priceCharge(charge, lots(['1', '10'], ['2', '20']), 'USD')
    expect(amount.toFixed()).toBe('0.0075')
    expect(priceCharge(chargeOf('standard', { amount: '0.015' }), lots(['1', '10']), 'USD').amount.toFixed()).toBe(
      '0.005',
    )
  })
  test('a volume tier is that of the units held at the end', () => {
    const charge = volume([0, 10, '1'], [11, null, '0.5'])
    expect(amountOfEvents(charge, lots(['8', '30'], ['4', '15']))).toBe('5')
  })
  test.each(CHARGE_MODELS.filter((model) => !canProrate(model)))('%s has no such price', (model) => {
    const properties = {
      package: { amount: '1', package_size: 1 },
      percentage: { rate: '1' },
      graduated_percentage: { graduated_percentage_ranges: [{ from_value: 0, to_value: null, rate: '1' }] },
      custom: { fixed_amount: '1' },
    }
    const charge = chargeOf(model, properties[model as keyof typeof properties] ?? {})
    expect(() => amountOfEvents(charge, lots(['1', '1']))).toThrow(/weigh units by time/)
  })
})

test.each<[ChargeModel, unknown]>([
  ['standard', { amount: '3' }],
  ['graduated', { graduated_ranges: ranges([0, null, '3', '7']) }],
  ['volume', { volume_ranges: ranges([0, null, '3', '7']) }],
  ['package', { amount: '3', package_size: 1, free_units: 0 }],
  ['percentage', { rate: '3', fixed_amount: '1' }],
  ['graduated_percentage', { graduated_percentage_ranges: [{ from_value: 0, to_value: null, rate: '3' }] }],
  ['custom', { expression: 'units + 1' }],
])('%s prices units below zero as no units', (model, properties) => {
  const charge = chargeOf(model, properties)
  expect(priceUnits(charge, decimal('-4'))).toEqual(priceUnits(charge, decimal('0')))
  expect(priceUnits(charge, decimal('-4')).units.toFixed()).toBe('0')
})
