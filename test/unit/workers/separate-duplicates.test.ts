import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type KeyedEvents, separateDuplicates } from '../../../workers/aggregate-usage/separate-duplicates.ts'

interface Keyed {
  readonly customer: number
  /** Its first 32 bits and the rest. */
  readonly key: readonly [prefix: number, rest: number]
}

// Few of each, so that keys are the same, or only begin alike.
const keyed = fc.record({
  customer: fc.integer({ min: 0, max: 3 }),
  key: fc.tuple(fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1), fc.integer({ min: 0, max: 3 })),
})

test('the first of each identity is found, in the order of customers and keys, and so is what says it again', () => {
  fc.assert(
    fc.property(fc.array(keyed), fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }), (list, ranks) => {
      const order = (one: number, other: number) => compare(list[one] as Keyed, list[other] as Keyed, ranks)
      const first = list
        .keys()
        .filter((place) => list.findIndex((_, before) => order(before, place) === 0) === place)
        .toArray()
      const resent = list
        .keys()
        .filter((place) => !first.includes(place))
        .toArray()
      const separated = separateDuplicates(eventsOf(list, ranks))
      expect(separated.first).toEqual(first.sort(order))
      expect(separated.resent.toSorted((one, other) => one - other)).toEqual(resent)
    }),
    { numRuns: 1000 },
  )
})

function compare(one: Keyed, other: Keyed, ranks: readonly number[]): number {
  return (
    (ranks[one.customer] as number) - (ranks[other.customer] as number) ||
    one.key[0] - other.key[0] ||
    one.key[1] - other.key[1]
  )
}

function eventsOf(list: readonly Keyed[], ranks: readonly number[]): KeyedEvents {
  const at = (place: number) => list[place] as Keyed
  return {
    count: list.length,
    customerPosition: (place) => at(place).customer,
    customerRanks: () => Uint32Array.from(ranks),
    records: {
      keyPrefix: (place) => at(place).key[0],
      compareKeys: (one, other) => at(one).key[0] - at(other).key[0] || at(one).key[1] - at(other).key[1],
    },
  }
}
