import { expect, test } from 'vitest'
import { generateTrace } from '../../../cli/demo/generate-trace.ts'
import { sendingOrder } from '../../../cli/demo/replay-usage.ts'
import { monthAfter, scenarioOf } from '../../../cli/demo/scenario.ts'
import { seededRandom } from '../../../cli/demo/seeded-random.ts'

const draw = (seed: number) => generateTrace(20_000, seededRandom(seed, 'trace'))
const request = (timestamp: string) => ({ timestamp, contextTokens: 1, generatedTokens: 1 })

test('the same seed gives the same run, another seed another', () => {
  const play = (seed: number) => scenarioOf({ requests: draw(seed), customerCount: 50, seed })
  expect(play(7)).toEqual(play(7))
  expect(play(7).requests).not.toEqual(play(8).requests)
  expect(play(7).madeBy).not.toEqual(play(8).madeBy)
})

test('generated requests are as large and as frequent as those of the trace, within a few percent', () => {
  const requests = draw(1)
  const mean = (key: 'contextTokens' | 'generatedTokens') =>
    requests.reduce((sum, each) => sum + each[key], 0) / requests.length
  expect(mean('contextTokens') / 1154.7).toBeCloseTo(1, 1)
  expect(mean('generatedTokens') / 211.1).toBeCloseTo(1, 1)
  const [first, last] = [requests[0], requests.at(-1)].map((each) => Date.parse(each?.timestamp ?? ''))
  expect(((last ?? 0) - (first ?? 0)) / requests.length / 180.8).toBeCloseTo(1, 1)
  expect(requests.map(({ timestamp }) => timestamp)).toEqual(requests.map(({ timestamp }) => timestamp).sort())
})

test('a few customers are big and most are small', () => {
  const { madeBy } = scenarioOf({ requests: draw(1), customerCount: 200, seed: 1 })
  const shares = [...Map.groupBy(madeBy, ({ externalId }) => externalId).values()]
    .map(({ length }) => length / madeBy.length)
    .sort((one, other) => other - one)
  expect(shares[0]).toBeGreaterThan(0.1)
  expect(shares.slice(0, 20).reduce((sum, share) => sum + share)).toBeGreaterThan(0.5)
})

test('every month from the first request to the last is billed, whatever their order', () => {
  const requests = ['2024-02-29T23:59:59Z', '2023-11-30T12:00:00Z', '2024-01-01T00:00:00Z'].map(request)
  const { months } = scenarioOf({ requests, customerCount: 1, seed: 1 })
  expect(months).toEqual(['2023-11-01', '2023-12-01', '2024-01-01', '2024-02-01'])
  expect(monthAfter('2023-12-01')).toBe('2024-01-01')
})

test('every batch is sent once and half of them, rounded up, once more', () => {
  const sends = sendingOrder(39, seededRandom(1, 'batches'))
  const times = Array.from({ length: 39 }, (_, index) => sends.filter((send) => send === index).length)
  expect(times.filter((count) => count === 1)).toHaveLength(19)
  expect(times.filter((count) => count === 2)).toHaveLength(20)
})
