import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPool } from '../../../db/connection.ts'
import { eventRecords } from '../../../db/usage/record-writer.ts'
import type { Payload } from '../../../queues/contracts.ts'
import { packUsage } from '../../../queues/usage-payload.ts'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { BatchMerger } from '../../../workers/aggregate-usage/batch-merger.ts'
import { aggregatePacked } from '../../../workers/aggregate-usage/worker.ts'
import { outlastOutage } from '../../../workers/outlast-outage.ts'
import {
  createMeteringFixture,
  insertMetric,
  type MeteringFixture,
  rollupSums,
  unprocessedReasons,
} from '../../support/metering.ts'
import { usageEvent } from '../../support/usage-event.ts'

const RECEIVED_AT = '2026-03-03T12:00:01Z'

let fixture: MeteringFixture

beforeAll(async () => {
  fixture = await createMeteringFixture()
})
afterAll(() => fixture.close())

async function aggregate(events: readonly UsageEvent[]): Promise<void> {
  await aggregateEvents(
    fixture.pool,
    fixture.organizationId,
    events.map((event) => ({ event, receivedAt: RECEIVED_AT })),
  )
}

function packed(events: readonly UsageEvent[]): Payload<'aggregate-usage'> {
  const { organizationId } = fixture
  return {
    organizationId,
    receivedAt: RECEIVED_AT,
    count: events.length,
    events: packUsage([eventRecords(events)]),
  }
}

async function storedEvents(code: string): Promise<number> {
  const { rows } = await fixture.pool.query('select count(*)::int as count from usage_events where code = $1', [code])
  return rows[0].count
}

async function registerCustomer(externalId: string): Promise<void> {
  await fixture.pool.query(
    'insert into customers (organization_id, external_id, registered_at) values ($1, $2, now())',
    [fixture.organizationId, externalId],
  )
}

describe('events', () => {
  test('are told apart by properties that are longer than an index takes', async () => {
    await insertMetric(fixture, { code: 'long', aggregation: 'count', dimensionKeys: ['model'] })
    await registerCustomer('long')
    const models = ['a', 'b'].map((last) => randomBytes(20_000).toString('base64') + last)
    const event = (model: string) => usageEvent({ externalCustomerId: 'long', code: 'long', properties: { model } })
    await aggregate(models.map(event))
    await aggregate(models.map(event))
    const { rows } = await fixture.pool.query(
      `select distinct series_id, events_count::int from usage_rollups join usage_series using (customer_id, series_id)
       join billable_metrics on id = billable_metric_id where code = 'long' and level = 0`,
    )
    expect(rows.map(({ events_count }) => events_count)).toEqual([2, 2])
    const unprocessed = await fixture.pool.query(`select from unprocessed_events where code = 'long'`)
    expect(unprocessed.rowCount).toBe(0)
  })

  test('of one identity count as the first that was accepted says, also where its transaction takes longer', async () => {
    const twin = (tokens: number) =>
      usageEvent({ externalCustomerId: 'twin', transactionId: 'twin', code: 'twin', properties: { tokens } })
    // Customers that nobody has seen are looked up and made before the first identity is claimed.
    const strangers = Array.from({ length: 3_000 }, (_, index) =>
      usageEvent({ externalCustomerId: `stranger-${index}`, code: 'stranger' }),
    )
    await Promise.all([aggregate([...strangers, twin(1)]), aggregate([twin(2)])])
    const { rows } = await fixture.pool.query(
      `select properties->>'tokens' as tokens from usage_events where code = 'twin'`,
    )
    expect(rows).toEqual([{ tokens: '1' }])
    const conflicts = await fixture.pool.query(`select reason from unprocessed_events where transaction_id = 'twin'`)
    expect(conflicts.rows).toContainEqual({ reason: 'duplicate_conflict' })
  })

  test('count once, however often and in whatever company they are sent', async () => {
    await insertMetric(fixture, { code: 'once', aggregation: 'sum', fieldName: 'tokens' })
    await registerCustomer('once')
    const events = [1, 2, 3].map((tokens) =>
      usageEvent({ externalCustomerId: 'once', code: 'once', properties: { tokens } }),
    )
    const [first, second, third] = events as [UsageEvent, UsageEvent, UsageEvent]
    await aggregate([first, second, first])
    await aggregate([second, third])
    await Promise.all([aggregate(events), aggregate([third, first])])
    expect(await rollupSums(fixture, 0)).toMatchObject({ 'once/once': '3×6' })
    expect(await rollupSums(fixture, 1)).toMatchObject({ 'once/once': '3×6' })
    expect(await storedEvents('once')).toBe(3)
  })

  test('count once across processes, of which none remembers what another has claimed', async () => {
    await insertMetric(fixture, { code: 'processes', aggregation: 'sum', fieldName: 'tokens' })
    await registerCustomer('processes')
    const events = Array.from({ length: 40 }, (_, index) =>
      usageEvent({ externalCustomerId: 'processes', code: 'processes', properties: { tokens: index } }),
    )
    const others = [1, 2, 3].map(() => createPool({ url: fixture.url, role: 'tabkeeper_worker', max: 1, name: 'test' }))
    try {
      const overlapping = [events.slice(0, 20), events.slice(10, 30), events.slice(15), events]
      await Promise.all(
        overlapping.map((part, index) =>
          aggregateEvents(
            others[index] ?? fixture.pool,
            fixture.organizationId,
            part.map((event) => ({ event, receivedAt: RECEIVED_AT })),
          ),
        ),
      )
      await aggregate(events.toReversed())
    } finally {
      for (const pool of others) await pool.end()
    }
    expect(await rollupSums(fixture, 0)).toMatchObject({ 'processes/processes': '40×780' })
    expect(await storedEvents('processes')).toBe(40)
  })

  test('count once where transactions of one process meet, whether the first of them is committed or not', async () => {
    await insertMetric(fixture, { code: 'meeting', aggregation: 'sum', fieldName: 'tokens' })
    await registerCustomer('meeting')
    const about = { externalCustomerId: 'meeting', code: 'meeting' }
    const events = Array.from({ length: 40 }, (_, index) => usageEvent({ ...about, properties: { tokens: index } }))
    const refused = usageEvent({ ...about, properties: { text: 'a\u0000b' } })
    const parts = [[...events.slice(0, 30), refused], events.slice(10, 40), events.slice(0, 25), events.toReversed()]
    const outcomes = await Promise.allSettled(parts.map(aggregate))
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled'])
    expect(await rollupSums(fixture, 0)).toMatchObject({ 'meeting/meeting': '40×780' })
    expect(await storedEvents('meeting')).toBe(40)
  })

  test('of one identity with other content: the first wins for ever and the other is listed', async () => {
    await insertMetric(fixture, { code: 'conflict', aggregation: 'sum', fieldName: 'tokens' })
    await registerCustomer('conflict')
    const about = { externalCustomerId: 'conflict', code: 'conflict', transactionId: 'twice' }
    await aggregate([usageEvent({ ...about, properties: { tokens: 1, model: 'a' } })])
    await aggregate([usageEvent({ ...about, properties: { model: 'a', tokens: 1 } })])
    await aggregate([usageEvent({ ...about, properties: { tokens: 2 } })])
    await aggregate([usageEvent({ ...about, properties: { tokens: 2 } })])
    expect(await rollupSums(fixture, 0)).toMatchObject({ 'conflict/conflict': '1×1' })
    expect((await unprocessedReasons(fixture)).filter((line) => line.startsWith('twice'))).toEqual([
      'twice: duplicate_conflict',
    ])
  })

  test('that the server timed are no conflict when they are sent again later', async () => {
    await registerCustomer('untimed')
    const about = { externalCustomerId: 'untimed', code: 'once', transactionId: 'untimed', timedByServer: true }
    await aggregate([usageEvent(about)])
    await aggregate([usageEvent({ ...about, timestampMicros: Date.UTC(2026, 2, 4) * 1000 })])
    expect((await unprocessedReasons(fixture)).filter((line) => line.startsWith('untimed'))).toEqual([])
  })

  test('of different sources may share a transaction id', async () => {
    await insertMetric(fixture, { code: 'sources', aggregation: 'count' })
    await registerCustomer('sources')
    const about = { externalCustomerId: 'sources', code: 'sources', transactionId: '1' }
    await aggregate([usageEvent({ ...about, source: 'a' }), usageEvent({ ...about, source: 'b' })])
    expect(await rollupSums(fixture, 0)).toMatchObject({ 'sources/sources': '2×2' })
  })

  test('keep numbers that no double can hold, digit by digit', async () => {
    await insertMetric(fixture, { code: 'exact', aggregation: 'sum', fieldName: 'usage.amount' })
    await registerCustomer('exact')
    const properties = parseExactJson('{"usage": {"amount": 9007199254740993.000000000000000001}, "scale": 1.50}')
    await aggregate([
      usageEvent({ externalCustomerId: 'exact', code: 'exact', properties: properties as Record<string, unknown> }),
      usageEvent({ externalCustomerId: 'exact', code: 'exact', properties: { usage: { amount: '0.1' } } }),
    ])
    expect(await rollupSums(fixture, 1)).toMatchObject({ 'exact/exact': '2×9007199254740993.100000000000000001' })
    const stored = await fixture.pool.query<{ text: string }>(
      `select properties::text as text from usage_events where code = 'exact' and properties ? 'scale'`,
    )
    expect(stored.rows[0]?.text).toBe('{"scale": 1.50, "usage": {"amount": 9007199254740993.000000000000000001}}')
  })
})

describe('an event that cannot be counted', () => {
  test('is kept with its reason, per metric, while others count', async () => {
    await insertMetric(fixture, { code: 'input', aggregation: 'sum', fieldName: 'input', eventCode: 'request' })
    await insertMetric(fixture, { code: 'output', aggregation: 'sum', fieldName: 'output', eventCode: 'request' })
    await registerCustomer('reasons')
    const about = { externalCustomerId: 'reasons', code: 'request' }
    await aggregate([
      usageEvent({ ...about, transactionId: 'r-both', properties: { input: 5, output: 7 } }),
      usageEvent({ ...about, transactionId: 'r-missing', properties: { input: 5 } }),
      usageEvent({ ...about, transactionId: 'r-text', properties: { input: 5, output: 'seven' } }),
      usageEvent({ ...about, transactionId: 'r-metric', code: 'nobody-reads-this' }),
      usageEvent({
        ...about,
        transactionId: 'r-subscription',
        externalSubscriptionId: 'nowhere',
        properties: { input: 1, output: 1 },
      }),
      usageEvent({
        ...about,
        transactionId: 'r-customer',
        externalCustomerId: 'stranger',
        properties: { input: 1, output: 1 },
      }),
    ])
    expect((await unprocessedReasons(fixture)).filter((line) => line.startsWith('r-'))).toEqual([
      'r-customer: customer_not_found',
      'r-metric: metric_not_found',
      'r-missing: value_missing',
      'r-subscription: subscription_not_found',
      'r-text: value_not_a_number',
    ])
    expect(await rollupSums(fixture, 0)).toMatchObject({
      'input/reasons': '4×16',
      'output/reasons': '2×8',
      // A customer who is registered later finds the usage in place.
      'input/stranger': '1×1',
    })
  })

  test('because the database refuses it is found by halving and holds up no other', async () => {
    await insertMetric(fixture, { code: 'poison', aggregation: 'count' })
    await registerCustomer('poison')
    const about = { externalCustomerId: 'poison', code: 'poison' }
    const events = Array.from({ length: 20 }, (_, index) =>
      usageEvent({ ...about, transactionId: `p-${index}`, properties: index === 13 ? { text: 'a\u0000b' } : {} }),
    )
    const merger = new BatchMerger<Payload<'aggregate-usage'>>(
      (packed) => aggregatePacked(fixture.pool, pino({ level: 'silent' }), packed),
      3,
    )
    const [first, second] = [events.slice(0, 8), events.slice(8)].map(packed)
    const corrupt = { ...packed([]), count: 1, events: 'not what was packed' }
    const outcomes = await Promise.allSettled(
      [first, corrupt, second].map((batch) => merger.submit(batch as Payload<'aggregate-usage'>)),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await rollupSums(fixture, 0)).toMatchObject({ 'poison/poison': '19×19' })
    expect((await unprocessedReasons(fixture)).filter((line) => line.startsWith('p-'))).toEqual([
      'p-13: processing_failed',
    ])
  })
})

test('jobs that met a database that was away are counted when they are tried again as they were', async () => {
  await insertMetric(fixture, { code: 'outage', aggregation: 'count' })
  await registerCustomer('outage')
  const events = [1, 2, 3].map((number) =>
    usageEvent({ externalCustomerId: 'outage', code: 'outage', transactionId: `o-${number}` }),
  )
  const job = packed(events)
  const away = createPool({ url: 'postgres://nobody@127.0.0.1:1/none', role: 'tabkeeper_worker', max: 1, name: 'test' })
  const pools = [away, fixture.pool]
  let outages = 0
  const outcomes = await outlastOutage(
    () => aggregatePacked(pools.shift() ?? fixture.pool, pino({ level: 'silent' }), [job]),
    { signal: new AbortController().signal, onOutage: () => (outages += 1) },
  )
  await away.end()
  expect([outages, outcomes.map(({ status }) => status)]).toEqual([1, ['fulfilled']])
  expect(await rollupSums(fixture, 0)).toMatchObject({ 'outage/outage': '3×3' })
})

test('duplicating, reordering and cutting events into other batches never changes what is counted', async () => {
  await insertMetric(fixture, { code: 'shuffled', aggregation: 'sum', fieldName: 'tokens' })
  let run = 0
  const anyEvent = fc.record({
    customer: fc.integer({ min: 0, max: 3 }),
    minute: fc.integer({ min: 0, max: 4000 }),
    tokens: fc.oneof(fc.integer({ min: -50, max: 5000 }), fc.constantFrom('0.125', '3.7', '1e3')),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyEvent, { minLength: 1, maxLength: 60 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 90 }),
      fc.integer({ min: 1, max: 20 }),
      async (drawn, resends, batchSize) => {
        run += 1
        const events = drawn.map(({ customer, minute, tokens }, index) =>
          usageEvent({
            externalCustomerId: `shuffled-${run}-${customer}`,
            transactionId: `${index}`,
            code: 'shuffled',
            timestampMicros: (Date.UTC(2026, 0, 1) + minute * 60_000) * 1000,
            properties: { tokens },
          }),
        )
        const sent = [...events, ...resends.map((index) => events[index % events.length] as UsageEvent)]
        const shuffled = sent.map((event, index) => ({ event, rank: (index * 7919 + run * 31) % sent.length }))
        shuffled.sort((left, right) => left.rank - right.rank)
        const batches = Map.groupBy(
          shuffled.map(({ event }) => event),
          (_, index) => Math.floor(index / batchSize),
        )
        await Promise.all([...batches.values()].map((batch) => aggregate(batch)))
        await expectRollupsToEqualRawEvents(`shuffled-${run}-%`, events.length)
      },
    ),
    { numRuns: 15 },
  )
})

// The reference is plain SQL over the raw events; the number of raw events is known from what was sent.
async function expectRollupsToEqualRawEvents(customers: string, count: number): Promise<void> {
  for (const level of [0, 1]) {
    const { rows } = await fixture.pool.query(
      `with counted as (
         select r.customer_id, r.bucket, sum(r.events_count) as events, sum(r.value_sum) as value
         from usage_rollups r join customers c using (customer_id) where c.external_id like $1 and r.level = $2 group by 1, 2
       ), expected as (
         select e.customer_id, floor(extract(epoch from e."timestamp") / $3)::int as bucket, count(*) as events,
           sum((e.properties ->> 'tokens')::numeric) as value
         from usage_events e join customers c using (customer_id) where c.external_id like $1 group by 1, 2
       )
       select (select sum(events)::int from expected) as raw,
         (select count(*)::int from counted full join expected using (customer_id, bucket)
          where counted.events is distinct from expected.events or counted.value is distinct from expected.value) as differences`,
      [customers, level, level === 0 ? 900 : 86_400],
    )
    expect(rows).toEqual([{ raw: count, differences: 0 }])
  }
}
