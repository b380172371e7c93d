import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addSequences,
  mergeRanges,
  type SequenceRange,
  type SequenceState,
} from '../../../shared/metering/sequence-ranges.ts'

const NOTHING: SequenceState = { highest: 0, gaps: [] }

function single(sequence: number): SequenceRange {
  return { first: sequence, last: sequence }
}

test('what is skipped is a gap until it arrives, and keeps the time since which it is missing', () => {
  const opened = addSequences(NOTHING, [{ first: 1, last: 3 }, single(10)])
  expect(opened).toEqual({ highest: 10, gaps: [{ first: 4, last: 9, missingSince: null }], arrived: 4 })
  const noon = { highest: 10, gaps: [{ first: 4, last: 9, missingSince: 'noon' }] }
  const left = [
    { first: 4, last: 5, missingSince: 'noon' },
    { first: 8, last: 9, missingSince: 'noon' },
  ]
  expect(addSequences(noon, [{ first: 6, last: 7 }])).toEqual({ highest: 10, gaps: left, arrived: 2 })
  expect(addSequences({ highest: 10, gaps: left }, [{ first: 1, last: 12 }])).toEqual({
    highest: 12,
    gaps: [],
    arrived: 6,
  })
})

test('what has arrived adds nothing when it comes again', () => {
  const state = { highest: 9, gaps: [{ first: 4, last: 5, missingSince: 'noon' }] }
  expect(
    addSequences(state, [
      { first: 1, last: 3 },
      { first: 6, last: 9 },
    ]),
  ).toEqual({ ...state, arrived: 0 })
})

test('the first event of a producer that is not its number 1 leaves a gap before it', () => {
  expect(addSequences(NOTHING, [single(3)]).gaps).toEqual([{ first: 1, last: 2, missingSince: null }])
})

const range = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 6 }))
  .map(([first, more]) => ({ first, last: first + more }))

test('in any order and any company, gaps are exactly the numbers that a set lacks', () => {
  fc.assert(
    fc.property(fc.array(fc.array(range, { minLength: 1, maxLength: 6 }), { maxLength: 12 }), (batches) => {
      const seen = new Set<number>()
      let state = NOTHING
      for (const batch of batches) {
        const before = seen.size
        for (const { first, last } of batch) for (let number = first; number <= last; number += 1) seen.add(number)
        const { arrived, ...next } = addSequences(state, mergeRanges(batch))
        expect(arrived).toBe(seen.size - before)
        state = next
      }
      const highest = Math.max(0, ...seen)
      const missing = Array.from({ length: highest }, (_, index) => index + 1).filter((number) => !seen.has(number))
      const expected = mergeRanges(missing.map(single)).map(({ first, last }) => [first, last])
      expect([state.highest, mergeRanges(state.gaps).map(({ first, last }) => [first, last])]).toEqual([
        highest,
        expected,
      ])
      expect(state.gaps).toEqual(state.gaps.toSorted((one, other) => one.first - other.first))
    }),
    { numRuns: 500 },
  )
})
