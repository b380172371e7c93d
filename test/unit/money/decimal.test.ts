import { describe, expect, test } from 'vitest'
import { decimal, parseDecimal } from '../../../shared/money/decimal.ts'

describe('a decimal from outside', () => {
  test.each([
    ['0', '0'],
    ['-0', '0'],
    ['+5', '5'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['007', '7'],
    ['1e3', '1000'],
    ['1.5E-7', '0.00000015'],
    ['9007199254740993', '9007199254740993'],
    ['9'.repeat(30), '9'.repeat(30)],
    [`0.${'0'.repeat(29)}1`, `0.${'0'.repeat(29)}1`],
  ])('%s is read exactly', (text, plain) => {
    expect(parseDecimal(text)?.toFixed()).toBe(plain)
  })
  test.each([
    '',
    ' ',
    '.',
    '-',
    '1,000',
    '1 000',
    ' 1',
    '1\n',
    '0x10',
    '١',
    'NaN',
    'Infinity',
    '-Infinity',
    '1e',
    '1e9999',
  ])('%j is none', (text) => {
    expect(parseDecimal(text)).toBeUndefined()
  })
  test.each(['1'.padEnd(31, '0'), `0.${'0'.repeat(30)}1`, '1e30', '1e-31'])('%s has too many digits', (text) => {
    expect(parseDecimal(text)).toBeUndefined()
  })
  test('sums of long fractions lose nothing', () => {
    expect(decimal('0.1').plus('0.2').toFixed()).toBe('0.3')
    expect(
      decimal(`1${'0'.repeat(29)}`)
        .plus(`0.${'0'.repeat(29)}1`)
        .toFixed(),
    ).toBe(`1${'0'.repeat(29)}.${'0'.repeat(29)}1`)
  })
})
