import { describe, expect, test } from 'vitest'
import type { Issue } from '../../../shared/errors.ts'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { decimal } from '../../../shared/money/decimal.ts'
import type { Charge } from '../../../shared/pricing/charge-models.ts'
import { readMatrix } from '../../../shared/pricing/matrix.ts'
import type { ChargeModifiers } from '../../../shared/pricing/modifiers.ts'
import { combinationIssues } from '../../../shared/pricing/modifiers.ts'
import { readWindows } from '../../../shared/pricing/priced-windows.ts'
import { chargeOf } from './charge-of.ts'

type Read = (value: unknown, loc: Issue['loc'], issues: Issue[]) => unknown

function faults(read: Read, json: string): string[] {
  const issues: Issue[] = []
  const result = read(parseExactJson(json), ['at'], issues)
  expect(result === undefined).toBe(issues.length > 0)
  return issues.map(({ loc, type }) => `${loc.join('.')} ${type}`)
}

describe('windows', () => {
  test('are read with their commitment', () => {
    const commitment = { units: '5', overage_factor: 1.5, true_up: true }
    expect(readWindows({ size: 'hour', commitment }, [], [])).toEqual({
      size: 'hour',
      commitment: { committed: { units: decimal('5') }, overageFactor: decimal('1.5'), trueUp: true },
    })
    expect(readWindows({ size: 'day', commitment: { amount: '5' } }, [], [])).toEqual({
      size: 'day',
      commitment: { committed: { amount: decimal('5') }, overageFactor: decimal('1'), trueUp: false },
    })
  })
  test.each([
    ['are an object', '"hour"', ['at dict_type']],
    ['have a known size', '{"size":"fortnight"}', ['at.size enum']],
    ['have no other properties', '{"size":"day","zone":"UTC"}', ['at.zone extra_forbidden']],
    ['have a commitment of something', '{"size":"day","commitment":{}}', ['at.commitment.amount missing']],
    [
      'have a commitment of one thing',
      '{"size":"day","commitment":{"amount":1,"units":1}}',
      ['at.commitment.units extra_forbidden'],
    ],
    [
      'make overage no cheaper',
      '{"size":"day","commitment":{"amount":1,"overage_factor":"0.9"}}',
      ['at.commitment.overage_factor greater_than_equal'],
    ],
    [
      'say whether missing usage is due',
      '{"size":"day","commitment":{"amount":1,"true_up":"yes"}}',
      ['at.commitment.true_up bool_type'],
    ],
  ])('%s', (_rule, json, expected) => {
    expect(faults(readWindows, json)).toEqual(expected)
  })
})

describe('a matrix', () => {
  test('is read', () => {
    const written = { dimensions: ['region', 'size'], prices: [{ values: ['eu', 'l'], amount: '0.10' }] }
    expect(readMatrix(written, [], [])).toEqual({
      dimensions: ['region', 'size'],
      prices: [{ values: ['eu', 'l'], amount: decimal('0.1') }],
    })
  })
  const prices = '"prices":[{"values":["a","b"],"amount":1}]'
  test.each([
    ['has two dimensions', `{"dimensions":["x"],${prices}}`, ['at.dimensions list_type']],
    ['has two different ones', `{"dimensions":["x","x"],${prices}}`, ['at.dimensions duplicate_item']],
    ['names them', `{"dimensions":["x",""],${prices}}`, ['at.dimensions list_type']],
    ['has prices', '{"dimensions":["x","y"]}', ['at.prices missing']],
    ['has at least one', '{"dimensions":["x","y"],"prices":[]}', ['at.prices list_type']],
    [
      'has a value for each dimension, and an amount',
      '{"dimensions":["x","y"],"prices":[{"values":["a"]}]}',
      ['at.prices.0.values list_type', 'at.prices.0.amount missing'],
    ],
    [
      'has one price for the same values',
      '{"dimensions":["x","y"],"prices":[{"values":["a","b"],"amount":1},{"values":["a","b"],"amount":2}]}',
      ['at.prices.1.values duplicate_item'],
    ],
    [
      'has no negative price',
      '{"dimensions":["x","y"],"prices":[{"values":["a","b"],"amount":-1}]}',
      ['at.prices.0.amount greater_than_equal'],
    ],
  ])('%s', (_rule, json, expected) => {
    expect(faults(readMatrix, json)).toEqual(expected)
  })
})

describe('what does not go together', () => {
  const standard = chargeOf('standard', { amount: '1' })
  const graduated = chargeOf('graduated', { graduated_ranges: [{ from_value: 0, to_value: null, per_unit_amount: 1 }] })
  const volume = chargeOf('volume', { volume_ranges: [{ from_value: 0, to_value: null, per_unit_amount: 1 }] })
  const packages = chargeOf('package', { amount: '1', package_size: 1 })
  const dynamic = chargeOf('dynamic', {})
  const freeUnits = decimal('1')
  const matrix: ChargeModifiers['matrix'] = { dimensions: ['x', 'y'], prices: [] }
  const windows: ChargeModifiers['windows'] = { size: 'day' }
  const unitConversion: ChargeModifiers['unitConversion'] = {
    operation: 'divide',
    factor: decimal('10'),
    rounding: null,
  }
  const commitment = { overageFactor: decimal('1'), trueUp: false }
  test.each<[string, Charge, ChargeModifiers, string[]]>([
    ['anything that leaves the units alone', dynamic, { percentageDiscount: freeUnits, maxAmountMinor: 1n }, []],
    ['conversion and free units', standard, { unitConversion, freeUnits, windows }, []],
    ['units changed under single events', dynamic, { unitConversion, freeUnits }, ['unit_conversion', 'free_units']],
    [
      'promised units where single events have prices',
      dynamic,
      { windows: { size: 'day', commitment: { ...commitment, committed: { units: decimal('5') } } } },
      ['windows.commitment.units'],
    ],
    [
      'a promised amount there',
      dynamic,
      { windows: { size: 'day', commitment: { ...commitment, committed: { amount: decimal('5') } } } },
      [],
    ],
    ['a matrix on another model', graduated, { matrix }, ['matrix']],
    ['a matrix with windows or free units', standard, { matrix, windows, freeUnits }, ['free_units', 'windows']],
    ['proration', volume, { prorated: true }, []],
    ['proration of a package', packages, { prorated: true }, ['prorated']],
    [
      'proration with changed units',
      graduated,
      { prorated: true, unitConversion, freeUnits, windows },
      ['unit_conversion', 'free_units', 'windows'],
    ],
    ['nothing', packages, { prorated: false }, []],
  ])('%s', (_what, charge, modifiers, expected) => {
    const issues = combinationIssues(charge, modifiers, ['charges', 0])
    expect(issues.map(({ loc, type }) => `${loc.join('.')} ${type}`)).toEqual(
      expected.map((name) => `charges.0.${name} not_combinable`),
    )
  })
})
