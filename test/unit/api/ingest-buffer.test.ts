import { expect, test } from 'vitest'
import { type EventGroup, IngestBuffer, type IngestLimits } from '../../../api/events/ingest-buffer.ts'
import { eventRecords } from '../../../db/usage/record-writer.ts'
import { queuedEvents } from '../../support/queued-events.ts'
import { usageEvent } from '../../support/usage-event.ts'

interface Job {
  readonly organizationId: number
  readonly receivedAt: string
  readonly ids: readonly string[]
  readonly accept: () => void
  readonly refuse: () => void
}

const LIMITS: IngestLimits = {
  maxEventsPerJob: 4,
  maxBytesPerJob: 10_000,
  maxAddsInFlight: 2,
  fewEvents: 3,
  gatherMs: 0,
  maxHeldBytes: 10_000,
  timeoutMs: 5_000,
}
const LIVE = { micros: 0, frozen: false }

/** A queue that accepts a job when the test says so. */
function openQueue(limits: Partial<IngestLimits> = {}) {
  const jobs: Job[] = []
  const buffer = new IngestBuffer(
    ({ organizationId, receivedAt, events, count }) =>
      new Promise((resolve, reject) => {
        const ids = queuedEvents({ events, count }).map((event) => event.transactionId)
        jobs.push({ organizationId, receivedAt, ids, accept: resolve, refuse: () => reject(new Error('down')) })
      }),
    { ...LIMITS, ...limits },
  )
  return { buffer, jobs }
}

function events(...ids: readonly string[]): EventGroup {
  return { records: eventRecords(ids.map((transactionId) => usageEvent({ transactionId }))), count: ids.length }
}

async function untilJobs(jobs: readonly Job[], count: number): Promise<void> {
  await expect.poll(() => jobs.length, { interval: 1 }).toBe(count)
}

test('the first request goes at once; what arrives meanwhile shares the next job', async () => {
  const { buffer, jobs } = openQueue()
  const first = buffer.add(1, LIVE, events('a'))
  await untilJobs(jobs, 1)
  const others = [buffer.add(1, LIVE, events('b')), buffer.add(1, LIVE, events('c'))]
  jobs[0]?.accept()
  await first
  await untilJobs(jobs, 2)
  jobs[1]?.accept()
  await Promise.all(others)
  expect(jobs.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c']])
})

test('few events wait for others after a job was sent, but not for ever', async () => {
  const { buffer, jobs } = openQueue({ gatherMs: 300 })
  const accepted = (count: number) => untilJobs(jobs, count).then(() => jobs.at(-1)?.accept())
  await Promise.all([buffer.add(1, LIVE, events('a')), accepted(1)])
  const few = buffer.add(1, LIVE, events('b'))
  await new Promise(setImmediate)
  const others = buffer.add(1, LIVE, events('c', 'd'))
  await Promise.all([few, others, accepted(2)])
  await Promise.all([buffer.add(1, LIVE, events('e')), accepted(3)])
  expect(jobs.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c', 'd'], ['e']])
})

test('many events wait for no other job, until as many are on their way as may be', async () => {
  const { buffer, jobs } = openQueue()
  const requests = [buffer.add(1, LIVE, events('a'))]
  await untilJobs(jobs, 1)
  requests.push(buffer.add(1, LIVE, events('b', 'c', 'd')))
  await untilJobs(jobs, 2)
  requests.push(buffer.add(1, LIVE, events('e', 'f', 'g')))
  await new Promise(setImmediate)
  expect(jobs.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c', 'd']])
  jobs[0]?.accept()
  await untilJobs(jobs, 3)
  for (const job of jobs) job.accept()
  await Promise.all(requests)
})

test('a request is answered only when its job is durable', async () => {
  const { buffer, jobs } = openQueue()
  let answered = false
  const request = buffer.add(1, LIVE, events('a')).then(() => {
    answered = true
  })
  await untilJobs(jobs, 1)
  expect(answered).toBe(false)
  jobs[0]?.accept()
  await request
  expect(answered).toBe(true)
})

test('full jobs go side by side up to the limit, and no request is divided', async () => {
  const { buffer, jobs } = openQueue()
  const requests = [['a', 'b', 'c'], ['d', 'e'], ['f', 'g', 'h', 'i', 'j'], ['k']].map((ids) =>
    buffer.add(1, LIVE, events(...ids)),
  )
  await untilJobs(jobs, 2)
  // Both are packed at the same time, and either may be ready first.
  expect(new Set(jobs.map(({ ids }) => ids.join('')))).toEqual(new Set(['abc', 'de']))
  jobs[0]?.accept()
  await untilJobs(jobs, 3)
  jobs[1]?.accept()
  jobs[2]?.accept()
  await untilJobs(jobs, 4)
  jobs[3]?.accept()
  await Promise.all(requests)
  expect(jobs.slice(2).map(({ ids }) => ids)).toEqual([['f', 'g', 'h', 'i', 'j'], ['k']])
})

test('organizations never share a job, nor wait for each other', async () => {
  const { buffer, jobs } = openQueue()
  const requests = [buffer.add(1, LIVE, events('a')), buffer.add(2, LIVE, events('a'))]
  await untilJobs(jobs, 2)
  for (const job of jobs) job.accept()
  await Promise.all(requests)
  expect(new Set(jobs.map(({ organizationId }) => organizationId))).toEqual(new Set([1, 2]))
})

test('a test clock that was moved opens another job', async () => {
  const { buffer, jobs } = openQueue()
  const requests = [
    buffer.add(1, { micros: 1, frozen: true }, events('a')),
    buffer.add(1, { micros: 1, frozen: true }, events('b')),
    buffer.add(1, { micros: 2, frozen: true }, events('c')),
  ]
  await untilJobs(jobs, 1)
  jobs[0]?.accept()
  await untilJobs(jobs, 2)
  jobs[1]?.accept()
  await Promise.all(requests)
  expect(jobs.map(({ receivedAt, ids }) => [receivedAt, ids])).toEqual([
    ['1970-01-01T00:00:00.000001Z', ['a', 'b']],
    ['1970-01-01T00:00:00.000002Z', ['c']],
  ])
})

/** What a request was refused with; listened for at once, because it may come before anybody waits. */
function refusalOf(request: Promise<void>): Promise<unknown> {
  return request.then(
    () => undefined,
    (error: unknown) => error,
  )
}

const UNAVAILABLE = {
  code: 'queue_unavailable',
  message: 'the queue did not confirm; nothing is promised, send it again',
}

test('a job that the queue refuses is refused to every request in it, and the next one is tried', async () => {
  const { buffer, jobs } = openQueue()
  const refused = [buffer.add(1, LIVE, events('a')), buffer.add(1, LIVE, events('b'))].map(refusalOf)
  await untilJobs(jobs, 1)
  jobs[0]?.refuse()
  expect(await Promise.all(refused)).toMatchObject([UNAVAILABLE, UNAVAILABLE])
  const next = buffer.add(1, LIVE, events('c'))
  await untilJobs(jobs, 2)
  jobs[1]?.accept()
  await next
})

test('a queue that does not answer is given up within the time limit, in flight or waiting', async () => {
  const { buffer, jobs } = openQueue({ timeoutMs: 40, maxAddsInFlight: 1 })
  const inFlight = refusalOf(buffer.add(1, LIVE, events('a')))
  await untilJobs(jobs, 1)
  const waiting = refusalOf(buffer.add(1, LIVE, events('b')))
  expect(await Promise.all([inFlight, waiting])).toMatchObject([UNAVAILABLE, UNAVAILABLE])
  await buffer.drain()
  expect(jobs).toHaveLength(1)
})

const EVENT_BYTES = events('a').records.length

test('what is not durable yet is bounded in bytes, and has room again once it is', async () => {
  const { buffer, jobs } = openQueue({ maxHeldBytes: 2 * EVENT_BYTES, maxAddsInFlight: 1 })
  const held = [buffer.add(1, LIVE, events('a'))]
  await untilJobs(jobs, 1)
  held.push(buffer.add(1, LIVE, events('b')))
  const refusal = { code: 'ingest_overloaded', retryAfterSeconds: expect.any(Number) }
  expect(() => buffer.add(2, LIVE, events('c'))).toThrow(expect.objectContaining(refusal))
  jobs[0]?.accept()
  await untilJobs(jobs, 2)
  held.push(buffer.add(2, LIVE, events('c')))
  await untilJobs(jobs, 3)
  jobs[1]?.accept()
  jobs[2]?.accept()
  await Promise.all(held)
  expect(jobs.map(({ ids }) => ids)).toEqual([['a'], ['b'], ['c']])
})

test('what was given up after the time limit makes room, unless it is on its way', async () => {
  const { buffer, jobs } = openQueue({ maxHeldBytes: 2 * EVENT_BYTES, maxAddsInFlight: 1, timeoutMs: 40 })
  const inFlight = refusalOf(buffer.add(1, LIVE, events('a')))
  await untilJobs(jobs, 1)
  const waiting = refusalOf(buffer.add(1, LIVE, events('b')))
  await Promise.all([inFlight, waiting])
  const next = refusalOf(buffer.add(1, LIVE, events('c')))
  expect(() => buffer.add(1, LIVE, events('d'))).toThrow(expect.objectContaining({ code: 'ingest_overloaded' }))
  expect(await next).toMatchObject(UNAVAILABLE)
})

test('a request that is larger than the bound is taken when nothing else is held', async () => {
  const { buffer, jobs } = openQueue({ maxHeldBytes: 1 })
  const request = buffer.add(1, LIVE, events('a', 'b'))
  await untilJobs(jobs, 1)
  jobs[0]?.accept()
  await request
  expect(jobs.map(({ ids }) => ids)).toEqual([['a', 'b']])
})

test('a job is full when it holds enough bytes', async () => {
  const { buffer, jobs } = openQueue({ maxBytesPerJob: 2 * EVENT_BYTES, maxAddsInFlight: 2 })
  const requests = ['a', 'b', 'c'].map((id) => buffer.add(1, LIVE, events(id)))
  await untilJobs(jobs, 1)
  jobs[0]?.accept()
  await untilJobs(jobs, 2)
  jobs[1]?.accept()
  await Promise.all(requests)
  expect(jobs.map(({ ids }) => ids)).toEqual([['a', 'b'], ['c']])
})

test('draining waits for everything that was taken in', async () => {
  const { buffer, jobs } = openQueue()
  const order: string[] = []
  const request = buffer.add(1, LIVE, events('a')).then(() => order.push('answered'))
  const drained = buffer.drain().then(() => order.push('drained'))
  await untilJobs(jobs, 1)
  expect(order).toEqual([])
  jobs[0]?.accept()
  await Promise.all([request, drained])
  expect(order).toEqual(['answered', 'drained'])
})
