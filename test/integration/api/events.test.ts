import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createPool } from '../../../db/connection.ts'
import { openQueueBackend, type QueueBackend } from '../../../queues/backend.ts'
import type { Payload } from '../../../queues/contracts.ts'
import { Producer } from '../../../queues/producer.ts'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { queuedEvents } from '../../support/queued-events.ts'

interface QueuedBatch {
  readonly organizationId: number
  readonly receivedAt: string
  readonly events: readonly UsageEvent[]
}

let api: TestApi
let client: ApiClient
let pool: ReturnType<typeof createPool>
let backend: QueueBackend
let producer: Producer

beforeAll(async () => {
  api = await startApi()
  pool = createPool({ url: api.config.databaseUrl, role: 'tabkeeper_worker', max: 3, name: 'test' })
  backend = await openQueueBackend(api.config, pool)
  producer = new Producer(backend)
})
beforeEach(async () => {
  client = await api.client()
})
afterAll(async () => {
  await producer.close()
  await backend.close()
  await pool.end()
  await api.stop()
})

/** The jobs of the client's organization that wait in the queue, in no order. */
async function queued(): Promise<QueuedBatch[]> {
  const queues = producer.queues().filter((queue) => queue.name.startsWith('aggregate-usage'))
  const jobs = (await Promise.all(queues.map((queue) => queue.getJobs(['waiting'], 0, 10_000)))).flat()
  return jobs
    .map(({ data }) => data as Payload<'aggregate-usage'>)
    .filter(({ organizationId }) => organizationId === client.organizationId)
    .map((payload) => ({ ...payload, events: queuedEvents(payload) }))
}

const EVENT = { transaction_id: 't1', external_customer_id: 'acme', code: 'llm' }

describe('one event', () => {
  test('it is accepted once it is in the queue, as it was sent', async () => {
    const sent = {
      ...EVENT,
      source: 'gateway',
      external_subscription_id: 's',
      timestamp: '2026-01-31T12:00:00.1234567+02:00',
      properties: { model: 'large', usage: { tokens: 5 } },
    }
    const answer = await client.post('/events', sent)
    expect([answer.status, answer.body]).toEqual([202, { transaction_id: 't1', status: 'accepted' }])
    const [batch] = await queued()
    expect(batch?.events).toEqual([
      {
        externalCustomerId: 'acme',
        source: 'gateway',
        transactionId: 't1',
        code: 'llm',
        externalSubscriptionId: 's',
        timestampMicros: Date.parse('2026-01-31T10:00:00Z') * 1000 + 123_456,
        timedByServer: false,
        properties: { model: 'large', usage: { tokens: 5 } },
      },
    ])
  })

  test('numbers reach the queue digit by digit, and exponents are written out as the database does', async () => {
    const properties = (exponent: string) =>
      `{"big":12345678901234567890,"exponent":${exponent},"long":0.10000000000000000000000001,"zeros":1.10}`
    const body = `{"transaction_id":"n","external_customer_id":"acme","code":"llm","properties":${properties('1e3')}}`
    expect((await client.post('/events', body)).status).toBe(202)
    const [batch] = await queued()
    expect(JSON.stringify(batch?.events[0]?.properties)).toBe(properties('1000'))
  })

  test('without a time it happened when it was received; on a test clock, at the frozen time', async () => {
    const before = Date.now() * 1000
    await client.post('/events', EVENT)
    const [live] = await queued()
    expect(live?.events[0]?.timestampMicros).toBeGreaterThanOrEqual(before - 1000)
    expect(live?.events[0]?.timestampMicros).toBeLessThanOrEqual(Date.now() * 1000 + 1000)
    client = await api.client()
    const clock = await client.post('/test_clocks', { frozen_time: '2030-01-01T00:00:00Z' })
    await client.post('/events', EVENT)
    await client.post(`/test_clocks/${clock.body.id}/advance`, { frozen_time: '2030-02-01T00:00:00.000001Z' })
    await client.post('/events', { ...EVENT, transaction_id: 't2' })
    const times = (await queued()).map(({ receivedAt, events }) => `${receivedAt} ${events[0]?.timestampMicros}`)
    expect(times.sort()).toEqual([
      `2030-01-01T00:00:00.000000Z ${Date.parse('2030-01-01T00:00:00Z') * 1000}`,
      `2030-02-01T00:00:00.000001Z ${Date.parse('2030-02-01T00:00:00Z') * 1000 + 1}`,
    ])
  })

  test.each([
    [{ ...EVENT, transaction_id: undefined }, ['body', 'transaction_id'], 'missing'],
    [{ ...EVENT, code: 5 }, ['body', 'code'], 'string_type'],
    [{ ...EVENT, timestamp: 'yesterday' }, ['body', 'timestamp'], 'timestamp'],
    [{ ...EVENT, properties: [] }, ['body', 'properties'], 'object_type'],
    [{ ...EVENT, properties: { a: { b: 'x\u0000' } } }, ['body', 'properties', 'a', 'b'], 'properties_unstorable'],
    [{ ...EVENT, amount: 1 }, ['body', 'amount'], 'extra_forbidden'],
    [[EVENT], ['body'], 'object_type'],
  ])('%j is refused, and nothing is queued', async (event, loc, type) => {
    const answer = await client.post('/events', event)
    expect([answer.status, answer.body]).toEqual([
      422,
      { detail: [{ loc, msg: expect.any(String), type }], code: 'validation_error' },
    ])
    expect(await queued()).toEqual([])
  })
})

describe('a batch', () => {
  test('each event is accepted or rejected on its own', async () => {
    const events = [EVENT, { ...EVENT, transaction_id: 't2', code: '' }, 'nonsense', { ...EVENT, transaction_id: 't4' }]
    const answer = await client.post('/events/batch', { events })
    expect([answer.status, answer.body]).toEqual([
      202,
      {
        accepted: 2,
        rejected: 2,
        results: [
          { transaction_id: 't1', status: 'accepted' },
          {
            transaction_id: 't2',
            status: 'rejected',
            errors: [{ loc: ['body', 'events', 1, 'code'], msg: expect.any(String), type: 'string_length' }],
          },
          {
            transaction_id: null,
            status: 'rejected',
            errors: [{ loc: ['body', 'events', 2], msg: expect.any(String), type: 'object_type' }],
          },
          { transaction_id: 't4', status: 'accepted' },
        ],
      },
    ])
    expect((await queued()).flatMap(({ events }) => events.map((event) => event.transactionId))).toEqual(['t1', 't4'])
  })

  test('when no event is acceptable it answers 422 with every issue and result', async () => {
    const issue = { loc: ['body', 'events', 0], msg: expect.any(String), type: 'object_type' }
    const answer = await client.post('/events/batch', { events: [5] })
    expect([answer.status, answer.body]).toEqual([
      422,
      {
        detail: [issue],
        code: 'validation_error',
        results: [{ transaction_id: null, status: 'rejected', errors: [issue] }],
      },
    ])
  })

  test.each([
    [{}, ['body', 'events'], 'missing'],
    [{ events: {} }, ['body', 'events'], 'list_type'],
    [{ events: [] }, ['body', 'events'], 'too_short'],
    [{ events: Array.from({ length: 5001 }, () => EVENT) }, ['body', 'events'], 'too_long'],
    [{ events: [EVENT], dry_run: true }, ['body', 'dry_run'], 'extra_forbidden'],
    [[EVENT], ['body'], 'dict_type'],
  ])('a wrong envelope is refused as a whole', async (body, loc, type) => {
    const answer = await client.post('/events/batch', body)
    expect([answer.status, answer.body]).toEqual([
      422,
      { detail: [{ loc, msg: expect.any(String), type }], code: 'validation_error' },
    ])
    expect(await queued()).toEqual([])
  })

  test('5,000 events go in one job', async () => {
    const events = Array.from({ length: 5000 }, (_, number) => ({ ...EVENT, transaction_id: `b${number}` }))
    const answer = await client.post('/events/batch', { events })
    expect([answer.status, answer.body.accepted]).toEqual([202, 5000])
    expect((await queued()).map((batch) => batch.events.length)).toEqual([5000])
  })
})

test('requests that arrive together share jobs, and every event is in exactly one', async () => {
  const ids = Array.from({ length: 200 }, (_, number) => `r${number}`)
  const answers = await Promise.all(ids.map((id) => client.post('/events', { ...EVENT, transaction_id: id })))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
  const batches = await queued()
  expect(batches.length).toBeLessThan(100)
  expect(batches.flatMap(({ events }) => events.map((event) => event.transactionId)).sort()).toEqual(ids.sort())
})

test('the backlog counts the jobs that wait', async () => {
  const before = (await client.get('/events/backlog')).body.queued_batches
  await client.post('/events', EVENT)
  expect((await client.get('/events/backlog')).body.queued_batches).toBe(before + 1)
})

test('a customer without events has an empty list, and a list needs a customer', async () => {
  expect((await client.get('/events?external_customer_id=nobody')).body).toEqual({ data: [], next_cursor: null })
  const answer = await client.get('/events')
  expect([answer.status, answer.body.detail[0].loc]).toEqual([422, ['query', 'external_customer_id']])
})
