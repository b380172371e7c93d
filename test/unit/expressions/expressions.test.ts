import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Scope } from '../../../shared/expressions/evaluate-expression.ts'
import { evaluateExpression } from '../../../shared/expressions/evaluate-expression.ts'
import type { Vocabulary } from '../../../shared/expressions/parse-expression.ts'
import { parseExpression } from '../../../shared/expressions/parse-expression.ts'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { decimal, Exact } from '../../../shared/money/decimal.ts'

const VOCABULARY: Vocabulary = {
  names: ['units'],
  objects: ['constants'],
  ofEvents: { names: ['value'], objects: ['properties'] },
}

const EVENTS = ['{"model":"a","n":"1.0"}', '{"model":"b","n":2}', '{"n":"many","deep":{"key":90071992547409930}}']

const SCOPE: Scope = {
  names: { units: decimal('10') },
  objects: { constants: { rate: '0.25', names: ['x'] } },
  events: EVENTS.map((json, index) => ({
    names: { value: decimal(BigInt(index + 1)) },
    objects: { properties: parseExactJson(json) as Record<string, unknown> },
  })),
}

function evaluate(text: string): string {
  const result = parseExpression(text, VOCABULARY)
  if ('fault' in result) return `${result.fault.type}: ${result.fault.msg}`
  const value = evaluateExpression(result.expression, SCOPE)
  return value instanceof Exact ? value.toFixed() : String(value)
}

describe('an expression', () => {
  test.each([
    ['0.1 + 0.2', '0.3'],
    ['0.1234567890123456789012345 * 1', '0.1234567890123456789012345'],
    ['9007199254740993 + 0', '9007199254740993'],
    ['2 + 3 * 4 - (1 + 1) / 2', '13'],
    ['-units % 3', '-1'],
    ['units >= 10 && units < 11 ? "yes" : "no"', 'yes'],
    ['!(units != 10) || units > 20', 'true'],
    ['min(units, 3, 7) + max(2) + abs(-1)', '6'],
    ['round(2.345, 2)', '2.35'],
    ['round(2.5)', '3'],
    ['ceil(1.01) + floor(1.99)', '3'],
    ['floor(1.999, 2)', '1.99'],
    ['ROUND(1255, -1) + Ceil(1201, -2)', '2560'],
    ['concat("a-", 1.50, true, constants.rate)', 'a-1.5true0.25'],
    ["concat('a', 'b') == 'ab'", 'true'],
    ['latest(value) - distinct(properties.model)', '1'],
    ['distinct(value > 1)', '2'],
    ['constants.rate * units', '2.5'],
    ['constants["rate"] * units', '2.5'],
    ['sum(value)', '6'],
    ['sum(value * units)', '60'],
    ['count(value > 1)', '2'],
    ['largest(properties.n) + smallest(value)', '3'],
    ['sum(properties.deep.key)', '90071992547409930'],
    ['count(properties.n == 1)', '1'],
    ['count(properties.model == "b")', '1'],
    ['sum(properties.model == "a" ? 2 : 0)', '2'],
  ])('%s is %s', (text, expected) => {
    expect(evaluate(text)).toBe(expected)
  })
  test.each([
    ['what is divided by zero', 'units / 0 + units % 0', '0'],
    ['text that is no number', '"ten" + 1', '1'],
    ['what is not there', 'constants.missing + 1', '1'],
    ['an object', 'constants.names + 1', '1'],
  ])('%s counts as zero', (_rule, text, expected) => {
    expect(evaluate(text)).toBe(expected)
  })
})

describe('is refused', () => {
  test.each([
    ['', 'expression_syntax'],
    ['1 +', 'expression_syntax'],
    ['1; 2', 'expression_syntax'],
    ['1, 2', 'expression_syntax'],
    ['[1, 2]', 'expression_syntax'],
    ['null', 'expression_syntax'],
    ['this', 'expression_syntax'],
    ['this.constructor', 'expression_syntax'],
    ['1e999', 'expression_syntax'],
    ['unitz', 'expression_unknown'],
    ['units = 5', 'expression_syntax'],
    ['units ** 99999', 'expression_unknown'],
    ['units << 3', 'expression_unknown'],
    ['~units', 'expression_unknown'],
    ['+units', 'expression_unknown'],
    ['units ?? 1', 'expression_unknown'],
    ['typeof units', 'expression_syntax'],
    ['new Date()', 'expression_syntax'],
    ['import("fs")', 'expression_unknown'],
    ['eval("1")', 'expression_unknown'],
    ['toString()', 'expression_unknown'],
    ['constructor', 'expression_unknown'],
    ['__proto__', 'expression_unknown'],
    ['units.constructor', 'expression_unknown'],
    ['"".constructor', 'expression_syntax'],
    ['min.constructor("return 1")()', 'expression_unknown'],
    ['constants.rate()', 'expression_unknown'],
    ['constants[0]', 'expression_syntax'],
    ['constants[units]', 'expression_syntax'],
    ['constants?.rate', 'expression_syntax'],
    ['value', 'expression_unknown'],
    ['properties.n', 'expression_unknown'],
    ['sum(sum(value))', 'expression_unknown'],
    ['sum(value, 1)', 'expression_syntax'],
    ['round(1, 2, 3)', 'expression_syntax'],
    ['min()', 'expression_syntax'],
    ['`${units}`', 'expression_syntax'],
    ['(units) => 1', 'expression_syntax'],
    ['1+'.repeat(250).concat('1'), 'expression_too_long'],
    ['1'.repeat(1001), 'expression_too_long'],
    ['('.repeat(1000), 'expression_syntax'],
    ['-'.repeat(999).concat('1'), 'expression_too_long'],
  ])('%s', (text, type) => {
    expect(evaluate(text)).toMatch(new RegExp(`^${type}: `))
  })
  test('with a message that names what is known', () => {
    expect(evaluate('price * 2')).toBe('expression_unknown: "price" is not a name here; known are units')
    expect(evaluate('pow(2, 3)')).toBe(
      'expression_unknown: "pow" is not a function; known are concat, min, max, abs, round, ceil, floor, sum, count, largest, smallest, latest, distinct',
    )
  })
})

describe('a fault says where it is,', () => {
  test.each([
    ['1 + unitz', 5],
    ['"unitz" == unitz', 12],
    ["'it\\'s unitz' == unitz", 18],
    ['units + pow(2)', 9],
    ['units ** 2', 7],
    ['round(1, 2, 3)', 1],
    ['1 + (2 * ', 9],
    ['units = 5', 7],
    ['1 + 1e999', 5],
  ])('%s', (text, position) => {
    expect(parseExpression(text, VOCABULARY)).toMatchObject({ fault: { position } })
  })
})

test('a prefix may stand before every name, and does not widen what is known', () => {
  const vocabulary: Vocabulary = { prefix: 'event', names: ['code'], objects: ['properties'] }
  const read = (text: string) => parseExpression(text, vocabulary)
  expect(read('event.properties.a.b')).toEqual(read('properties.a.b'))
  expect(read('event.code')).toEqual(read('code'))
  for (const text of ['event', 'event.other', 'event.event.code', 'event.properties', 'event.code.length']) {
    expect(read(text), text).toMatchObject({ fault: { type: 'expression_unknown' } })
  }
})

describe('what counted as zero is told,', () => {
  test.each([
    ['constants.missing + 1', ['value_missing constants.missing']],
    ['-constants.name', ['value_not_a_number constants.name']],
    [
      'round(constants.missing) + constants.name',
      ['value_missing constants.missing', 'value_not_a_number constants.name'],
    ],
    ['units / 0', ['division_by_zero']],
    ['units % (1 - 1)', ['division_by_zero']],
    ['concat("a", constants.missing)', ['value_missing constants.missing']],
    ['constants.missing == 1 || !constants.missing ? 1 : constants.name + 1', []],
    ['true + 1', []],
  ])('%s: %j', (text, expected) => {
    const result = parseExpression(text, VOCABULARY)
    if ('fault' in result) throw new Error(result.fault.msg)
    const faults: string[] = []
    evaluateExpression(result.expression, {
      names: { units: decimal('10') },
      objects: { constants: { name: 'x' } },
      onFault: ({ type, details }) => faults.push([type, details['field']].filter(Boolean).join(' ')),
    })
    expect(faults).toEqual(expected)
  })
})

describe('cannot reach out', () => {
  test.each(['constants.constructor', 'constants.__proto__', 'constants.toString', 'constants["__proto__"].polluted'])(
    '%s is nothing',
    (text) => {
      expect(evaluate(`${text} == 1 ? "found" : ${text}`)).toBe('null')
    },
  )
  test('numbers stay bounded, and so does the time they take', () => {
    const huge = Array.from({ length: 90 }, () => '1e29').join('*')
    const tiny = Array.from({ length: 90 }, () => '1e29').reduce((text, one) => `${text}/${one}`, '1')
    expect(evaluate(huge)).toBe(new Exact('1e200').toFixed())
    expect(evaluate(tiny)).toBe('0')
    expect(evaluate(`(${huge}) % 3`)).toBe('1')
    expect(evaluate('round(1 / 3, 1e29)')).toBe(`0.${'3'.repeat(30)}`)
  })
  test('any text at all is an expression with a value, or a fault', () => {
    const words = fc.constantFrom(
      'units',
      'constants',
      'sum',
      'min',
      'properties',
      '.',
      '(',
      ')',
      '+',
      '/',
      '?',
      ':',
      '1',
      '"',
      '[',
      ']',
      ',',
      ' ',
      '\\',
      '{',
      '}',
      '\u0000',
      '😀',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((parts) => parts.join('')),
        ),
        (text) => {
          expect(typeof evaluate(text)).toBe('string')
        },
      ),
      { numRuns: 2000 },
    )
  })
})
