import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BatchMerger } from '../../../workers/aggregate-usage/batch-merger.ts'

interface SentBatch {
  readonly organizationId: number
  readonly count: number
  readonly receivedAt: string
}

const SLOTS = 5
const TAKES_MS = 30

let transactions: (readonly SentBatch[])[]
let merger: BatchMerger<SentBatch>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'performance'] })
  transactions = []
  merger = new BatchMerger(async (batches) => {
    transactions.push(batches)
    await new Promise((resolve) => setTimeout(resolve, TAKES_MS))
    return batches.map(() => ({ status: 'fulfilled', value: undefined }))
  }, SLOTS)
})
afterEach(() => vi.useRealTimers())

const batch = (organizationId: number, count: number, receivedAt = '2026-03-02T00:00:00Z'): SentBatch => {
  return { organizationId, count, receivedAt }
}

async function submit(...batches: readonly SentBatch[]): Promise<void> {
  for (const sent of batches) void merger.submit(sent)
  await vi.advanceTimersByTimeAsync(1)
}

test('the first batch of an organization is counted at once, the few after it gather for a moment', async () => {
  await submit(batch(1, 1))
  expect(transactions).toEqual([[batch(1, 1)]])
  await submit(batch(1, 2))
  await submit(batch(1, 3))
  await vi.advanceTimersByTimeAsync(2 * TAKES_MS)
  expect(transactions).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(TAKES_MS)
  expect(transactions.slice(1)).toEqual([[batch(1, 2), batch(1, 3)]])
})

test('few events wait for a quarter of a second at most, however long transactions take', async () => {
  merger = new BatchMerger((batches) => {
    transactions.push(batches)
    return new Promise(() => undefined)
  }, SLOTS)
  await submit(batch(1, 1))
  await submit(batch(1, 2))
  await vi.advanceTimersByTimeAsync(240)
  expect(transactions).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(10)
  expect(transactions.slice(1)).toEqual([[batch(1, 2)]])
})

test('an organization that gathers holds up no other', async () => {
  await submit(batch(1, 1))
  await submit(batch(1, 2), batch(2, 1))
  expect(transactions.slice(1)).toEqual([[batch(2, 1)]])
})

test('many events do not wait', async () => {
  await submit(batch(1, 1))
  await submit(batch(1, 20_000), batch(1, 6_000))
  expect(transactions.slice(1)).toEqual([[batch(1, 20_000), batch(1, 6_000)]])
})

test('when no other job can come, few events do not wait for it', async () => {
  await submit(batch(1, 1))
  await submit(batch(1, 2), batch(1, 3), batch(1, 4))
  expect(transactions).toHaveLength(1)
  await submit(batch(1, 5))
  expect(transactions.slice(1)).toEqual([[2, 3, 4, 5].map((count) => batch(1, count))])
})

test('what waits is counted without another batch coming', async () => {
  await submit(batch(1, 1))
  const waiting = merger.submit(batch(1, 1))
  await vi.advanceTimersByTimeAsync(400)
  await expect(waiting).resolves.toBeUndefined()
})

test('a transaction takes no more than 75,000 events, but one batch of any size', async () => {
  await submit(batch(1, 80_000), batch(1, 65_000), batch(1, 10_000), batch(1, 1))
  await vi.advanceTimersByTimeAsync(260)
  expect(transactions).toEqual([[batch(1, 80_000)], [batch(1, 65_000), batch(1, 10_000)], [batch(1, 1)]])
})

test('batches of an organization are counted in the order in which they were accepted, also where the next does not fit', async () => {
  const at = (second: number, count: number) => batch(1, count, `2026-03-02T00:00:0${second}.5Z`)
  await submit(at(0, 1))
  await submit(at(3, 40_000), at(1, 40_000), at(4, 1), at(2, 30_000))
  await vi.advanceTimersByTimeAsync(1_000)
  expect(transactions.slice(1)).toEqual([
    [at(1, 40_000), at(2, 30_000)],
    [at(3, 40_000), at(4, 1)],
  ])
})

test('after a transaction of a backlog none is counted before those that are still being taken, or for long', async () => {
  const at = (second: number) => batch(1, 30_000, `2026-03-02T00:00:0${second}.5Z`)
  await submit(...Array.from({ length: SLOTS }, () => batch(1, 1)))
  await vi.advanceTimersByTimeAsync(TAKES_MS)
  await submit(at(3))
  await submit(at(1))
  expect(transactions).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(100)
  expect(transactions.slice(1)).toEqual([[at(1), at(3)]])
})
