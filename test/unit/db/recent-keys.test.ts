import { expect, test } from 'vitest'
import { RecentKeys } from '../../../db/usage/recent-keys.ts'

/** Keys drawn like hashes, always the same ones. */
function* drawnKeys(count: number): Generator<[high: number, low: number]> {
  let state = 1
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0
  }
  for (let index = 0; index < count; index += 1) yield [next(), next()]
}

test('a key is known from the second time on, also one that is zero', () => {
  const recent = new RecentKeys()
  expect([recent.add(7, 0), recent.add(7, 0), recent.add(0, 7), recent.add(0, 7)]).toEqual([false, true, false, true])
  expect(recent.add(2 ** 31, 7)).toBe(false)
})

test('the last hundred thousand keys are all known, and no other is taken for one of them', () => {
  const recent = new RecentKeys()
  const keys = [...drawnKeys(300_000)]
  expect(keys.filter(([high, low]) => recent.add(high, low))).toEqual([])
  expect(keys.slice(-100_000).filter(([high, low]) => !recent.add(high, low)).length).toBeLessThan(10)
})

test('of a bucket, the key that came first is forgotten first', () => {
  const recent = new RecentKeys()
  for (const low of [1, 2, 3, 4, 5]) recent.add(0, low)
  expect([5, 4, 3, 2].map((low) => recent.add(0, low))).toEqual([true, true, true, true])
  expect(recent.add(0, 1)).toBe(false)
})
