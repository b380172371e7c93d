import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decimalOf, decimalText, isRawNumber, parseExactJson } from '../../../shared/json/exact-json.ts'

describe('exact JSON', () => {
  test.each([
    '9007199254740993',
    '0.1234567890123456789',
    '1.50',
    '100.0',
    '1e3',
    '1E-7',
    '0.0000001',
    '-0.00000015',
    '-0',
    '-0.0',
    '1e400',
    '12345678901234567890',
  ])('%s keeps its text on the way in and out', (text) => {
    const value = parseExactJson(`{"a":[${text}]}`)
    expect(JSON.stringify(value)).toBe(`{"a":[${text}]}`)
    expect(decimalText((value as { a: unknown[] }).a[0])).toBe(text)
  })
  test.each(['0', '-1', '1.5', '9007199254740991', '0.1'])('%s is a plain number', (text) => {
    expect(parseExactJson(text)).toBe(Number(text))
  })
  test('text that looks like a long number stays text', () => {
    expect(parseExactJson('{"id":"12345678901234567890.0"}')).toEqual({ id: '12345678901234567890.0' })
  })
  test('broken text is refused', () => {
    expect(() => parseExactJson('{"a":1.50')).toThrow(SyntaxError)
    expect(() => parseExactJson('{"a":01}')).toThrow(SyntaxError)
  })
  test('every number survives', () => {
    const literals = fc
      .tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.option(fc.stringMatching(/^[0-9]{1,25}$/)))
      .map(([whole, fraction]) => (fraction === null ? `${whole}` : `${whole}.${fraction}`))
    fc.assert(
      fc.property(literals, (literal) => {
        expect(JSON.stringify(parseExactJson(`[${literal}]`))).toBe(`[${literal}]`)
      }),
    )
  })
})

test('a decimal is read from numbers and numeric text, and from nothing else', () => {
  const values = parseExactJson(
    '[1.50, 0.1, "2.0", 9007199254740993, "x", true, null, {"rawJSON":"5"}, [1]]',
  ) as unknown[]
  expect(values.map((value) => decimalOf(value)?.toFixed())).toEqual([
    '1.5',
    '0.1',
    '2',
    '9007199254740993',
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  expect(values.map(isRawNumber).slice(0, 4)).toEqual([true, false, false, true])
})
