import { describe, expect, test } from 'vitest'
import { decimal } from '../../../shared/money/decimal.ts'
import { quantitiesOf } from '../../../shared/plans/simulate-curve.ts'

describe('the quantities of a curve', () => {
  test.each([
    ['0', '10', 3, ['0', '5', '10']],
    ['0', '1', 4, ['0', '0.333333333333', '0.666666666667', '1']],
    ['0.5', '1000000000000000000000', 2, ['0.5', '1000000000000000000000']],
    ['100', '200', 5, ['100', '125', '150', '175', '200']],
  ])('from %s to %s in %i points', (from, to, points, expected) => {
    const range = { from: decimal(from), to: decimal(to), points }
    expect(quantitiesOf(range).map((units) => units.toFixed())).toEqual(expected)
  })
})
