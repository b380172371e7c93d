import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import type { ChargeModel } from '../../../shared/pricing/charge-models.ts'
import { parseCharge } from '../../../shared/pricing/charge-models.ts'
import { charges } from './arbitrary-charges.ts'
import { chargeOf } from './charge-of.ts'

const AT = ['body', 'charges', 0, 'properties']

/** The faults of properties given as JSON text, as "path type". */
function faults(model: ChargeModel, json: string): string[] {
  const result = parseCharge(model, parseExactJson(json), AT)
  return 'issues' in result ? result.issues.map(({ loc, type }) => `${loc.slice(AT.length).join('.')} ${type}`) : []
}

function range(from: string, to: string, rest = '"per_unit_amount":"1"'): string {
  return `{"from_value":${from},"to_value":${to},${rest}}`
}

describe('a price', () => {
  test.each([
    ['text', '"0.05"', '0.05'],
    ['a number', '0.05', '0.05'],
    ['a number longer than a double', '0.1234567890123456789012', '0.1234567890123456789012'],
    ['a number with an exponent', '1e-7', '0.0000001'],
    ['needless zeros', '"010.500"', '10.5'],
    ['zero', '0', '0'],
    ['minus zero', '-0', '0'],
  ])('may be %s, and is kept as plain decimal text', (_form, json, canonical) => {
    expect(parseCharge('standard', parseExactJson(`{"amount":${json}}`), AT)).toEqual({
      charge: { model: 'standard', properties: { amount: canonical } },
    })
  })
  test.each([
    ['must be there', '{}', 'amount missing'],
    ['is not null', '{"amount":null}', 'amount decimal_type'],
    ['is not a boolean', '{"amount":true}', 'amount decimal_type'],
    ['is not an object', '{"amount":{"value":1}}', 'amount decimal_type'],
    ['is not other text', '{"amount":"ten"}', 'amount decimal_parsing'],
    ['is not empty', '{"amount":""}', 'amount decimal_parsing'],
    ['has no thousands separators', '{"amount":"1,000"}', 'amount decimal_parsing'],
    ['is not hexadecimal', '{"amount":"0x10"}', 'amount decimal_parsing'],
    ['is not NaN', '{"amount":"NaN"}', 'amount finite_number'],
    ['is not infinite', '{"amount":"-Infinity"}', 'amount finite_number'],
    ['is not negative', '{"amount":"-0.01"}', 'amount greater_than_equal'],
    ['is not too long before the point', `{"amount":1${'0'.repeat(30)}}`, 'amount decimal_max_digits'],
    ['is not too long behind the point', `{"amount":"0.${'0'.repeat(30)}1"}`, 'amount decimal_max_digits'],
    ['has no huge exponent', '{"amount":1e9999}', 'amount decimal_max_digits'],
  ])('%s', (_rule, json, fault) => {
    expect(faults('standard', json)).toEqual([fault])
  })
})

describe('properties', () => {
  test.each(['null', '[]', '"10"', '10', '1.50'])('are an object, not %s', (json) => {
    expect(faults('standard', json)).toEqual([' dict_type'])
  })
  test('that are unknown are refused, with all other faults in one answer', () => {
    expect(faults('package', '{"amount":"x","size":3,"__proto__":{}}')).toEqual([
      'size extra_forbidden',
      '__proto__ extra_forbidden',
      'amount decimal_parsing',
      'package_size missing',
    ])
  })
  test('of one model are unknown to another', () => {
    expect(faults('graduated', '{"amount":"1"}')).toEqual(['amount extra_forbidden', 'graduated_ranges missing'])
  })
  test('the path of an issue is complete, and its message says what to do', () => {
    const json = `{"graduated_ranges":[${range('0', '10')},${range('12', 'null')}]}`
    expect(parseCharge('graduated', parseExactJson(json), AT)).toEqual({
      issues: [
        {
          loc: ['body', 'charges', 0, 'properties', 'graduated_ranges', 1, 'from_value'],
          msg: 'leaves a gap after the range before; start at 10 or 11',
          type: 'range_gap',
        },
      ],
    })
  })
})

describe('pricing_group_keys', () => {
  test.each<[ChargeModel, string]>([
    ['standard', '"amount":"1"'],
    ['graduated', `"graduated_ranges":[${range('0', 'null')}]`],
    ['volume', `"volume_ranges":[${range('0', 'null')}]`],
    ['package', '"amount":"1","package_size":1'],
    ['percentage', '"rate":"1"'],
    ['graduated_percentage', '"graduated_percentage_ranges":[{"from_value":0,"to_value":null,"rate":"1"}]'],
    ['dynamic', '"pricing_group_keys":null'],
    ['custom', '"fixed_amount":"1"'],
  ])('are accepted and kept by %s', (model, json) => {
    const charge = chargeOf(model, parseExactJson(`{${json},"pricing_group_keys":["region","model"]}`))
    expect(charge.properties.pricing_group_keys).toEqual(['region', 'model'])
  })
  test.each([
    ['a list', '"region"', 'pricing_group_keys list_type'],
    ['of text', '["a",1]', 'pricing_group_keys.1 string_type'],
    ['not empty', '[""]', 'pricing_group_keys.0 string_too_short'],
    ['each once', '["a","a"]', 'pricing_group_keys.1 duplicate_item'],
  ])('are %s', (_rule, json, fault) => {
    expect(faults('standard', `{"amount":1,"pricing_group_keys":${json}}`)).toEqual([fault])
  })
})

describe.each<[ChargeModel, string, string]>([
  ['graduated', 'graduated_ranges', 'per_unit_amount'],
  ['volume', 'volume_ranges', 'per_unit_amount'],
  ['graduated_percentage', 'graduated_percentage_ranges', 'rate'],
])('ranges of %s', (model, name, price) => {
  // The table below speaks of the price of a unit; what it is called depends on the model.
  const named = (text: string, from: string, to: string) => text.replaceAll(from, to)
  const rangeFaults = (...list: string[]): string[] =>
    faults(model, named(`{"${name}":[${list.join(',')}]}`, 'per_unit_amount', price)).map((fault) =>
      named(fault.replace(`${name}.`, ''), `.${price} `, '.per_unit_amount '),
    )

  test.each([
    ['start at the end of the one before', [range('0', '10'), range('10', '20'), range('20', 'null')]],
    ['start one above it', [range('0', '10'), range('11', '20'), range('21', 'null')]],
    ['do either, each on its own', [range('0', '0.01'), range('0.01', '10'), range('11', 'null')]],
    ['take numbers as text', [range('"0"', '"10"'), range('"11"', 'null')]],
    ['may leave the last end out', ['{"from_value":0,"per_unit_amount":1}']],
    ['take a flat amount of null as none', [range('0', 'null', '"per_unit_amount":"1","flat_amount":null')]],
  ])('%s', (_rule, list) => {
    expect(rangeFaults(...list)).toEqual([])
  })

  test.each<[string, string[], string[]]>([
    ['are not empty', [], [`${name} too_short`]],
    ['are objects', ['3'], ['0 dict_type']],
    ['have a start', ['{"to_value":null,"per_unit_amount":1}'], ['0.from_value missing']],
    ['have a price', ['{"from_value":0,"to_value":null}'], ['0.per_unit_amount missing']],
    ['have no other properties', [range('0', 'null', '"per_unit_amount":1,"price":2')], ['0.price extra_forbidden']],
    ['have no negative price', [range('0', 'null', '"per_unit_amount":-1')], ['0.per_unit_amount greater_than_equal']],
    [
      'have no negative fee',
      [range('0', 'null', '"per_unit_amount":1,"flat_amount":"-1"')],
      ['0.flat_amount greater_than_equal'],
    ],
    ['have no negative bound', [range('-1', 'null')], ['0.from_value greater_than_equal']],
    ['start at zero', [range('1', 'null')], ['0.from_value range_start_not_zero']],
    ['leave no gap', [range('0', '10'), range('12', 'null')], ['1.from_value range_gap']],
    ['leave no gap of a fraction', [range('0', '10'), range('10.5', 'null')], ['1.from_value range_gap']],
    ['do not overlap', [range('0', '10'), range('9', 'null')], ['1.from_value range_overlap']],
    ['end with an open one', [range('0', '10'), range('11', '20')], ['1.to_value range_last_closed']],
    ['even when there is one only', [range('0', '10')], ['0.to_value range_last_closed']],
    ['are open at the end only', [range('0', 'null'), range('11', 'null')], ['0.to_value range_open_before_last']],
    [
      'do not end below their own start',
      [range('0', '10'), range('11', '10.5'), range('10.5', 'null')],
      ['1.to_value range_descending'],
    ],
    ['do not descend', [range('0', '10'), range('11', '5'), range('6', 'null')], ['1.to_value range_descending']],
    ['hold something', [range('0', '10'), range('10', '10'), range('11', 'null')], ['1.to_value range_descending']],
  ])('%s', (_rule, list, expected) => {
    expect(rangeFaults(...list)).toEqual(expected)
  })
  test.each([
    ['{}', 'missing'],
    [`{"${name}":{}}`, 'list_type'],
    [`{"${name}":null}`, 'list_type'],
  ])('are a list, not %s', (json, type) => {
    expect(faults(model, json)).toEqual([`${name} ${type}`])
  })
})

describe('a package', () => {
  test('takes whole numbers as numbers or text, and no free units when none are named', () => {
    expect(chargeOf('package', { amount: 10, package_size: '100' }).properties).toEqual({
      amount: '10',
      package_size: '100',
      free_units: '0',
    })
  })
  test.each([
    ['has a size', '{"amount":"1"}', 'package_size missing'],
    ['has a size above zero', '{"amount":"1","package_size":0}', 'package_size greater_than'],
    ['has no negative size', '{"amount":"1","package_size":-10}', 'package_size greater_than_equal'],
    ['has a whole size', '{"amount":"1","package_size":2.5}', 'package_size int_from_float'],
    ['has a numeric size', '{"amount":"1","package_size":"ten"}', 'package_size decimal_parsing'],
    ['has whole free units', '{"amount":"1","package_size":1,"free_units":0.5}', 'free_units int_from_float'],
    ['has no negative free units', '{"amount":"1","package_size":1,"free_units":-1}', 'free_units greater_than_equal'],
  ])('%s', (_rule, json, fault) => {
    expect(faults('package', json)).toEqual([fault])
  })
})

test('the canonical form of a canonical form is itself', () => {
  fc.assert(
    fc.property(charges, (charge) => {
      const stored: unknown = JSON.parse(JSON.stringify(charge.properties))
      expect(parseCharge(charge.model, stored, [])).toEqual({ charge })
    }),
  )
})

describe('percentage', () => {
  const EVERY = {
    fixed_amount: '0.5',
    free_units_per_events: '3',
    free_units_per_total_aggregation: '250',
    per_transaction_min_amount: '1.75',
    per_transaction_max_amount: '12',
  }
  test('keeps all that it is given', () => {
    const { properties } = chargeOf('percentage', { rate: '2.90', ...EVERY })
    expect(properties).toEqual({ rate: '2.9', ...EVERY })
  })
  test('needs a rate only; what is left out or null is nothing, and no bound', () => {
    const canonical = {
      rate: '1',
      fixed_amount: '0',
      free_units_per_events: '0',
      free_units_per_total_aggregation: '0',
      per_transaction_min_amount: null,
      per_transaction_max_amount: null,
    }
    const nulls = Object.fromEntries(Object.keys(EVERY).map((name) => [name, null]))
    expect(chargeOf('percentage', { rate: 1 }).properties).toEqual(canonical)
    expect(chargeOf('percentage', { rate: 1, ...nulls }).properties).toEqual(canonical)
  })
  test.each<[string, string, string[]]>([
    ['has a rate', '{}', ['rate missing']],
    ['has no negative rate', '{"rate":"-1"}', ['rate greater_than_equal']],
    ['has no negative fixed amount', '{"rate":1,"fixed_amount":-1}', ['fixed_amount greater_than_equal']],
    ['counts whole events', '{"rate":1,"free_units_per_events":1.5}', ['free_units_per_events int_from_float']],
    [
      'counts no negative events',
      '{"rate":1,"free_units_per_events":-1}',
      ['free_units_per_events greater_than_equal'],
    ],
    [
      'has no negative free units',
      '{"rate":1,"free_units_per_total_aggregation":"-1"}',
      ['free_units_per_total_aggregation greater_than_equal'],
    ],
    [
      'has bounds that are decimals',
      '{"rate":1,"per_transaction_min_amount":"a","per_transaction_max_amount":[]}',
      ['per_transaction_min_amount decimal_parsing', 'per_transaction_max_amount decimal_type'],
    ],
    [
      'has bounds in order',
      '{"rate":1,"per_transaction_min_amount":2,"per_transaction_max_amount":"1.99"}',
      ['per_transaction_max_amount maximum_below_minimum'],
    ],
    ['has no other properties', '{"rate":1,"amount":2}', ['amount extra_forbidden']],
  ])('%s', (_rule, json, expected) => {
    expect(faults('percentage', json)).toEqual(expected)
  })
})

describe('dynamic', () => {
  test('has no properties of its own', () => {
    expect(chargeOf('dynamic', {}).properties).toEqual({})
    expect(faults('dynamic', '{"amount":1}')).toEqual(['amount extra_forbidden'])
  })
})

describe('custom', () => {
  test.each([
    [{ fixed_amount: '5.0' }, { fixed_amount: '5' }],
    [{ per_unit_amount: 0.25 }, { per_unit_amount: '0.25' }],
    [{ expression: 'units * 2', fixed_amount: null }, { expression: 'units * 2' }],
    [
      { expression: 'units * custom_properties.rates.base', custom_properties: { rates: { base: '0.1' } } },
      { expression: 'units * custom_properties.rates.base', custom_properties: { rates: { base: '0.1' } } },
    ],
  ])('%j is a price', (properties, canonical) => {
    expect(chargeOf('custom', properties).properties).toEqual(canonical)
  })
  test.each<[string, string, string[]]>([
    ['has a price', '{}', ['expression missing']],
    ['has one price', '{"fixed_amount":1,"per_unit_amount":1}', ['per_unit_amount extra_forbidden']],
    ['has no negative price', '{"fixed_amount":-1}', ['fixed_amount greater_than_equal']],
    ['has an expression of text', '{"expression":5}', ['expression string_type']],
    ['has constants in an object', '{"fixed_amount":1,"custom_properties":[1]}', ['custom_properties dict_type']],
    ['speaks of known names', '{"expression":"unitz * 2"}', ['expression expression_unknown']],
    ['speaks of events inside of functions only', '{"expression":"value * 2"}', ['expression expression_unknown']],
    ['has no other properties', '{"fixed_amount":1,"code":"x"}', ['code extra_forbidden']],
  ])('%s', (_rule, json, expected) => {
    expect(faults('custom', json)).toEqual(expected)
  })
})
