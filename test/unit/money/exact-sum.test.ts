import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Exact, ZERO } from '../../../shared/money/decimal.ts'
import { ExactSum } from '../../../shared/money/exact-sum.ts'

const decimalTexts = fc.oneof(
  fc.integer().map(String),
  fc.maxSafeInteger().map(String),
  fc
    .tuple(fc.bigInt(-(10n ** 29n), 10n ** 29n), fc.integer({ min: 0, max: 30 }))
    .map(([digits, places]) => new Exact(String(digits)).times(new Exact(10).pow(-places)).toFixed()),
)

describe('a sum of decimals', () => {
  test('is what decimals add up to, in any order and grouping', () => {
    fc.assert(
      fc.property(fc.array(fc.array(decimalTexts)), (groups) => {
        const expected = groups.flat().reduce((sum, text) => sum.plus(text), ZERO)
        const grouped = new ExactSum()
        for (const group of groups) {
          const sum = sumOf(group)
          grouped.addSum(sum)
          expect(sum.toFixed()).toBe(group.reduce((total, text) => total.plus(text), ZERO).toFixed())
        }
        expect(grouped.toFixed()).toBe(expected.toFixed())
        expect(sumOf(groups.flat().toReversed()).toDecimal().equals(expected)).toBe(true)
      }),
    )
  })

  test.each([
    [['0.1', '0.2'], '0.3'],
    [['1.25', '-1.25'], '0'],
    [['0.999', '0.001'], '1'],
    [['999999999999999', '0.5'], '999999999999999.5'],
    [['900719925474099', '8100000000000000', '92', '0.1'], '9000719925474191.1'],
    [['9007199254740991', '1'], '9007199254740992'],
    [['0.00000000000001', '123456789'], '123456789.00000000000001'],
    [['-0.5', '-0.25'], '-0.75'],
  ])('%j is %s', (texts, expected) => {
    expect(sumOf(texts).toFixed()).toBe(expected)
  })
})

function sumOf(texts: readonly string[]): ExactSum {
  const sum = new ExactSum()
  for (const text of texts) sum.add(text)
  return sum
}
