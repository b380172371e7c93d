import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EventRecords } from '../../../db/usage/event-records.ts'
import { eventRecords } from '../../../db/usage/record-writer.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { aggregateOrBisect } from '../../../workers/aggregate-usage/bisect.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { sendAndCount } from '../../support/count-events.ts'
import { usageEvent } from '../../support/usage-event.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'

let api: TestApi
let workers: RunningWorkers
let client: ApiClient
let nextTransaction = 0

beforeAll(async () => {
  api = await startApi()
  workers = await startWorkers(api.config, ['aggregate-usage'])
})
beforeEach(async () => {
  client = await api.client()
})
afterAll(async () => {
  await workers.stop()
  await api.stop()
})

function numbered(sequences: readonly number[], producer = 'gateway') {
  return sequences.map((sequence) => ({
    transaction_id: `t-${nextTransaction++}`,
    external_customer_id: 'acme',
    code: 'llm',
    producer_id: producer,
    producer_sequence: sequence,
  }))
}

async function producers(query = '') {
  return (await client.get(`/event_producers${query}`)).body.data
}

describe('what has arrived of a producer', () => {
  test('is told with its gaps, which close when the events come', async () => {
    await sendAndCount(client, numbered([1, 2, 5, 9]))
    expect(await producers()).toEqual([
      {
        id: expect.any(String),
        producer_id: 'gateway',
        highest_sequence: 9,
        received_count: 4,
        dropped_count: 0,
        missing_count: 5,
        gaps_count: 2,
        gaps: [
          {
            first_sequence: 3,
            last_sequence: 4,
            missing_since: expect.any(String),
            missing_for_seconds: expect.any(Number),
          },
          {
            first_sequence: 6,
            last_sequence: 8,
            missing_since: expect.any(String),
            missing_for_seconds: expect.any(Number),
          },
        ],
        created_at: expect.any(String),
        last_seen_at: expect.any(String),
      },
    ])
    const [{ gaps }] = await producers()
    await sendAndCount(client, numbered([7]))
    const missingForSeconds = { missing_for_seconds: expect.any(Number) }
    expect((await producers())[0].gaps).toEqual([
      { ...gaps[0], ...missingForSeconds },
      { ...gaps[1], last_sequence: 6, ...missingForSeconds },
      { ...gaps[1], first_sequence: 8, ...missingForSeconds },
    ])
    await sendAndCount(client, numbered([3, 4, 6, 8, 10]))
    expect(await producers()).toMatchObject([{ highest_sequence: 10, received_count: 10, missing_count: 0, gaps: [] }])
  })

  test('tells for how long something is missing', async () => {
    await sendAndCount(client, numbered([2]))
    await workers.context.pool.query(
      `update event_producer_gaps set missing_since = now() - interval '90 seconds' where organization_id = $1`,
      [client.organizationId],
    )
    const [{ gaps }] = await producers()
    expect(gaps[0].missing_for_seconds).toBeGreaterThanOrEqual(90)
    expect(gaps[0].missing_for_seconds).toBeLessThan(120)
  })

  test('is not changed by a resend, nor by one event under two numbers', async () => {
    const events = numbered([1, 3])
    await sendAndCount(client, events)
    await sendAndCount(client, events)
    await sendAndCount(client, [{ ...events[0], producer_sequence: 4 }])
    expect(await producers()).toMatchObject([
      { highest_sequence: 4, received_count: 3, gaps: [{ first_sequence: 2, last_sequence: 2 }] },
    ])
    const stored = await client.get('/events?external_customer_id=acme')
    expect(stored.body.data).toHaveLength(2)
    expect((await client.get('/events/unprocessed?reason=duplicate_conflict')).body.data).toEqual([])
  })

  test('is kept apart by producer and organization, and can be asked for', async () => {
    await sendAndCount(client, [...numbered([1, 2], 'one'), ...numbered([2], 'two')])
    await sendAndCount(await api.client(), numbered([7], 'one'))
    expect((await producers()).map((row: { producer_id: string }) => row.producer_id).toSorted()).toEqual([
      'one',
      'two',
    ])
    expect(await producers('?with_gaps=true')).toMatchObject([{ producer_id: 'two', missing_count: 1 }])
    expect(await producers('?producer_id=one')).toMatchObject([{ received_count: 2, missing_count: 0 }])
  })

  test('is exact when transactions that carry the same producers run at once', async () => {
    const sequences = Array.from({ length: 400 }, (_, index) => index + 1)
    const batches = Array.from({ length: 8 }, (_, turn) => sequences.filter((sequence) => sequence % 8 === turn))
    const receivedAt = new Date().toISOString()
    const aggregate = (batch: readonly number[]) =>
      aggregateEvents(
        workers.context.pool,
        client.organizationId,
        batch.map((sequence) => ({
          event: usageEvent({ producer: { id: sequence % 3 === 0 ? 'b' : 'a', sequence } }),
          receivedAt,
        })),
      )
    await Promise.all(batches.slice(1).map(aggregate))
    expect((await producers()).map(({ received_count: count }: { received_count: number }) => count)).toEqual(
      expect.arrayContaining([233, 117]),
    )
    await Promise.all([aggregate(sequences), aggregate(sequences.toReversed())])
    const found = await producers()
    expect(found).toHaveLength(2)
    for (const { producer_id: id, received_count: received, missing_count: missing } of found) {
      expect([id, received, missing]).toEqual(id === 'a' ? ['a', 267, 133] : ['b', 133, 266])
    }
  })

  test('includes an event that could not be stored', async () => {
    const event = usageEvent({ properties: { name: 'x\u0000' }, producer: { id: 'gateway', sequence: 1 } })
    const batch = { records: EventRecords.read(eventRecords([event]), 1), receivedMicros: Date.now() * 1000 }
    const { organizationId } = client
    const { pool, log } = workers.context
    expect(await aggregateOrBisect(pool, log, { organizationId, batches: [batch] })).toMatchObject([
      { status: 'fulfilled' },
    ])
    expect(await producers()).toMatchObject([{ received_count: 1, missing_count: 0 }])
  })

  test('shows the first hundred gaps and counts them all', async () => {
    await sendAndCount(client, numbered(Array.from({ length: 150 }, (_, index) => 2 * index + 2)))
    const [producer] = await producers()
    expect([producer.gaps_count, producer.gaps.length, producer.gaps[99].first_sequence]).toEqual([150, 100, 199])
  })
})

describe('what a producer will never send', () => {
  test('closes its gaps, once', async () => {
    await sendAndCount(client, numbered([1, 5]))
    const dropped = {
      producer_id: 'gateway',
      ranges: [
        { first_sequence: 2, last_sequence: 3 },
        { first_sequence: 6, last_sequence: 6 },
      ],
    }
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await client.post('/event_producers/dropped', dropped)
      expect([answer.status, answer.body]).toEqual([200, { producer_id: 'gateway' }])
    }
    expect(await producers()).toMatchObject([
      {
        highest_sequence: 6,
        received_count: 2,
        dropped_count: 3,
        missing_count: 1,
        gaps: [{ first_sequence: 4, last_sequence: 4 }],
      },
    ])
  })

  test.each([
    [{ producer_id: 'p', ranges: [] }, 'too_short'],
    [{ producer_id: 'p', ranges: [{ first_sequence: 3, last_sequence: 2 }] }, 'sequence'],
    [{ producer_id: 'p', ranges: [{ first_sequence: 0, last_sequence: 2 }] }, 'greater_than_equal'],
    [{ producer_id: 'a\u0000b', ranges: [{ first_sequence: 1, last_sequence: 2 }] }, expect.any(String)],
  ])('%j is refused', async (body, type) => {
    const answer = await client.post('/event_producers/dropped', body)
    expect([answer.status, answer.body.detail]).toEqual([422, [expect.objectContaining({ type })]])
    expect(await producers()).toEqual([])
  })
})

test.each([
  [{ producer_id: 'p' }, 'producer_sequence', 'sequence'],
  [{ producer_sequence: 4 }, 'producer_id', 'missing'],
  [{ producer_id: '', producer_sequence: 4 }, 'producer_id', 'string_length'],
  [{ producer_id: 'p', producer_sequence: 0 }, 'producer_sequence', 'sequence'],
  [{ producer_id: 'p', producer_sequence: 1.5 }, 'producer_sequence', 'sequence'],
  [{ producer_id: 'p', producer_sequence: '1' }, 'producer_sequence', 'sequence'],
])('an event with %j is refused', async (fields, field, type) => {
  const event = { transaction_id: 't', external_customer_id: 'acme', code: 'llm', ...fields }
  const answer = await client.post('/events', event)
  expect(answer.body.detail).toEqual([{ loc: ['body', field], msg: expect.any(String), type }])
})
