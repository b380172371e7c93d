import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitByLargestRemainder } from '../../../shared/money/split.ts'

describe('splitting minor units', () => {
  test.each<[string, bigint, bigint[], bigint[]]>([
    ['even shares are exact', 100n, [1n, 1n], [50n, 50n]],
    ['the unit left over goes to the largest remainder', 100n, [1n, 2n, 4n], [14n, 29n, 57n]],
    ['among equal remainders the earlier part gets it', 100n, [1n, 1n, 1n], [34n, 33n, 33n]],
    ['an amount below zero splits as its opposite', -100n, [1n, 1n, 1n], [-34n, -33n, -33n]],
    ['a weight of zero gets nothing', 5n, [0n, 3n, 0n], [0n, 5n, 0n]],
    ['nothing splits into nothing, whatever the weights', 0n, [0n, 0n], [0n, 0n]],
    ['nothing splits over nobody', 0n, [], []],
    ['amounts beyond a double stay exact', 2n ** 80n, [1n, 1n], [2n ** 79n, 2n ** 79n]],
  ])('%s', (_rule, amountMinor, weights, parts) => {
    expect(splitByLargestRemainder(amountMinor, weights)).toEqual(parts)
  })

  test('an amount without a weight to carry it is a fault', () => {
    expect(() => splitByLargestRemainder(1n, [0n, 0n])).toThrow(/over no weight/)
    expect(() => splitByLargestRemainder(1n, [2n, -1n])).toThrow(/negative weight/)
  })

  const weightLists = fc
    .array(fc.bigInt({ min: 0n, max: 10n ** 12n }), { minLength: 1, maxLength: 12 })
    .filter((weights) => weights.some((weight) => weight > 0n))
  const amounts = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n })

  test('parts add up, and each is less than one unit from its exact share', () => {
    fc.assert(
      fc.property(amounts, weightLists, (amountMinor, weights) => {
        const parts = splitByLargestRemainder(amountMinor, weights)
        const totalWeight = weights.reduce((sum, weight) => sum + weight, 0n)
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(amountMinor)
        parts.forEach((part, index) => {
          const distance = part * totalWeight - amountMinor * (weights[index] ?? 0n)
          expect(distance < totalWeight && -distance < totalWeight).toBe(true)
        })
      }),
    )
  })

  test('a larger weight never gets less', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 9n }), weightLists, (amountMinor, weights) => {
        const sorted = weights.toSorted((one, other) => (one === other ? 0 : one > other ? -1 : 1))
        const parts = splitByLargestRemainder(amountMinor, sorted)
        expect(parts.every((part, index) => index === 0 || part <= (parts[index - 1] ?? 0n))).toBe(true)
      }),
    )
  })
})
