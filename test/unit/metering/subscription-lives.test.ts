import { expect, test } from 'vitest'
import { holds, unpaidReason } from '../../../shared/metering/subscription-lives.ts'

const HALVES = [
  { startMicros: 10, endMicros: 20 },
  { startMicros: 30, endMicros: Infinity },
]

test('a name that nobody has is unknown, whatever the time', () => {
  expect(unpaidReason([], 15)).toBe('subscription_not_found')
})

test.each([
  [9, 'subscription_not_running'],
  [10, undefined],
  [19, undefined],
  [20, 'subscription_not_running'],
  [29, 'subscription_not_running'],
  [30, undefined],
  [Number.MAX_SAFE_INTEGER, undefined],
])('a name that was used twice pays for %d: %s', (at, reason) => {
  expect(unpaidReason(HALVES, at)).toBe(reason)
})

test('one that was cancelled before its start pays for nothing, its start included', () => {
  expect(unpaidReason([{ startMicros: 10, endMicros: 10 }], 10)).toBe('subscription_not_running')
})

test('a life holds what lies between its first and its last time', () => {
  const life = { startMicros: 10, endMicros: 20 }
  const held = [
    [10, 19],
    [9, 19],
    [10, 20],
  ].map(([firstMicros = 0, lastMicros = 0]) => holds(life, { firstMicros, lastMicros }))
  expect(held).toEqual([true, false, false])
})
