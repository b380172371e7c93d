import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isCurrency, minorUnitDigits } from '../../../shared/money/currency.ts'
import { decimal } from '../../../shared/money/decimal.ts'
import { fromMinor, roundHalfAwayFromZero } from '../../../shared/money/round.ts'

describe('rounding to minor units', () => {
  test.each([
    ['0.004', 'USD', 0n],
    ['0.005', 'USD', 1n],
    ['0.00499999999999999999999999', 'USD', 0n],
    ['-0.005', 'USD', -1n],
    ['-0.004', 'USD', 0n],
    ['200.61725', 'EUR', 20062n],
    ['1.005', 'USD', 101n],
    ['0.5', 'JPY', 1n],
    ['1234.4', 'JPY', 1234n],
    ['0.0005', 'KWD', 1n],
    ['12345678901234567890.125', 'USD', 1234567890123456789013n],
  ])('%s %s is %s', (amount, currency, minor) => {
    expect(roundHalfAwayFromZero(decimal(amount), currency)).toBe(minor)
  })

  test('999 cents for 46 of 92 days are exactly 499.5 cents, and round up', () => {
    expect(roundHalfAwayFromZero(fromMinor(999n, 'USD').times(46).div(92), 'USD')).toBe(500n)
  })

  test('minor units come back as they were, in every currency', () => {
    const currencies = fc.constantFrom('USD', 'JPY', 'KWD', 'CLF', 'EUR')
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), currencies, (amountMinor, currency) => {
        expect(roundHalfAwayFromZero(fromMinor(amountMinor, currency), currency)).toBe(amountMinor)
      }),
    )
  })
})

test('a currency is a code of ISO 4217 in capitals, with the digits of its minor unit', () => {
  expect(['USD', 'JPY', 'KWD', 'usd', 'US', 'XYZ'].map(isCurrency)).toEqual([true, true, true, false, false, false])
  expect(['USD', 'JPY', 'KWD', 'CLF'].map(minorUnitDigits)).toEqual([2, 0, 3, 4])
})
