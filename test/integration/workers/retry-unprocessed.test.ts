import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createConnection } from '../../../db/connection.ts'
import { isoOfMicros } from '../../../shared/metering/timestamp.ts'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { writtenEvent } from '../../../shared/metering/written-event.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { keepAside } from '../../../workers/aggregate-usage/keep-aside.ts'
import type { WorkerContext } from '../../../workers/context.ts'
import { rebuildPage } from '../../../workers/rebuild-usage/rebuild-page.ts'
import { retryUnprocessed } from '../../../workers/rebuild-usage/retry-unprocessed.ts'
import {
  createMeteringFixture,
  insertMetric,
  type MeteringFixture,
  unprocessedReasons,
} from '../../support/metering.ts'
import { usageEvent } from '../../support/usage-event.ts'

const EVENTS = 300
const END = 'ffffffff-ffff-7fff-bfff-ffffffffffff'

let fixture: MeteringFixture
let context: WorkerContext

beforeAll(async () => {
  fixture = await createMeteringFixture()
  const { pool } = fixture
  // Only what a retry uses of it.
  context = { pool, connection: createConnection(pool), log: pino({ level: 'silent' }) } as unknown as WorkerContext
})
afterAll(() => fixture.close())
beforeEach(async () => {
  await fixture.pool.query(
    `insert into customers (organization_id, external_id, registered_at) values ($1, 'acme', now())
     on conflict (organization_id, external_id) do update set registered_at = now()`,
    [fixture.organizationId],
  )
  await fixture.pool.query('delete from unprocessed_events')
})

const receivedAt = '2026-03-03T12:00:00Z'
const aggregate = (events: readonly UsageEvent[]) =>
  aggregateEvents(
    fixture.pool,
    fixture.organizationId,
    events.map((event) => ({ event, receivedAt })),
  )
const retry = (filter = {}) => retryUnprocessed(context, fixture.organizationId, { upTo: END, ...filter })

const eventsOf = (code: string, properties: Record<string, unknown> = { right: 2 }, count = EVENTS) =>
  Array.from({ length: count }, (_, index) =>
    usageEvent({ code, properties, externalCustomerId: index % 2 === 0 ? 'acme' : 'other' }),
  )

async function unitsOf(metricId: string): Promise<number[]> {
  const { rows } = await fixture.pool.query<{ units: number }>(
    `select sum(value_sum)::int as units from usage_rollups join usage_series using (customer_id, series_id)
     join billable_metrics m on m.id = billable_metric_id and m.generation = usage_series.generation
     where m.id = $1 group by level order by level`,
    [metricId],
  )
  return rows.map(({ units }) => units)
}

const ofCode = async (code: string) => {
  const { rows } = await fixture.pool.query<{ reason: string; details: object }>(
    'select reason, details from unprocessed_events where code = $1 and billable_metric_id is not null order by id',
    [code],
  )
  return rows
}
const correctField = (metricId: string) =>
  fixture.pool.query(`update billable_metrics set field_name = 'right' where id = $1`, [metricId])

test('what a metric can use by its definition of now is counted once, however many retries run at once', async () => {
  const metricId = await insertMetric(fixture, { code: 'once', aggregation: 'sum', fieldName: 'wrong' })
  const other = await insertMetric(fixture, { code: 'beside', aggregation: 'count', eventCode: 'once' })
  await aggregate(eventsOf('once'))
  expect(await ofCode('once')).toHaveLength(EVENTS)
  await correctField(metricId)
  const settled = await Promise.all([retry(), retry(), aggregate(eventsOf('once', { right: 2 }, 50)), retry()])
  expect(settled.reduce<number>((sum, count) => sum + (count ?? 0), 0)).toBe(EVENTS)
  await retry()
  expect(await unitsOf(metricId)).toEqual([2 * (EVENTS + 50), 2 * (EVENTS + 50)])
  expect(await unitsOf(other)).toEqual([EVENTS + 50, EVENTS + 50])
  expect(await ofCode('once')).toEqual([])
})

test('while a rebuild counts the events of a metric, a retry leaves them to it', async () => {
  const metricId = await insertMetric(fixture, { code: 'rebuilt', aggregation: 'sum', fieldName: 'wrong' })
  await aggregate(eventsOf('rebuilt'))
  // As a change of the definition does it: everything is counted anew, in another generation.
  await fixture.pool.query(
    `update billable_metrics set field_name = 'right', generation = 2, rebuild_cursor = 0,
       counted_from = (nextval('usage_arrivals') * 1048576) where id = $1`,
    [metricId],
  )
  const rebuild = async () => {
    while (await rebuildPage(fixture.pool, fixture.organizationId, metricId)) await retry()
  }
  await Promise.all([retry(), rebuild(), retry(), rebuild(), aggregate(eventsOf('rebuilt', { right: 2 }, 50)), retry()])
  await rebuild()
  await retry()
  expect(await unitsOf(metricId)).toEqual([2 * (EVENTS + 50), 2 * (EVENTS + 50)])
  expect(await ofCode('rebuilt')).toEqual([])
})

test('several entries of one event and metric are one retry', async () => {
  const metricId = await insertMetric(fixture, { code: 'twofold', aggregation: 'sum', fieldName: 'wrong' })
  await aggregate(eventsOf('twofold', { right: 2, unfit: 'x' }, 1))
  await fixture.pool.query(
    `insert into unprocessed_events (customer_id, organization_id, event_key, "timestamp", code, transaction_id,
       billable_metric_id, reason, details)
     select customer_id, organization_id, event_key, "timestamp", code, transaction_id, billable_metric_id,
       'value_not_a_number', '{"field": "unfit"}' from unprocessed_events where code = 'twofold'
       and billable_metric_id is not null`,
  )
  expect(await ofCode('twofold')).toHaveLength(2)
  await correctField(metricId)
  await retry({ reason: 'value_not_a_number' })
  await retry()
  expect(await unitsOf(metricId)).toEqual([2, 2])
  expect(await ofCode('twofold')).toEqual([])
})

test('what still cannot be used stays, with the reason of now', async () => {
  const metricId = await insertMetric(fixture, { code: 'unfit', aggregation: 'sum', fieldName: 'wrong' })
  await aggregate(eventsOf('unfit', { right: 'many' }, 1))
  const [before] = await ofCode('unfit')
  expect(before?.reason).toBe('value_missing')
  expect(await retry({ reason: 'value_missing' })).toBe(0)
  expect(await ofCode('unfit')).toEqual([before])
  await correctField(metricId)
  await retry()
  expect(await ofCode('unfit')).toEqual([
    { reason: 'value_not_a_number', details: { field: 'right', value: '"many"' } },
  ])
  expect(await unitsOf(metricId)).toEqual([])
})

test('an event that was set aside is stored once it can be', async () => {
  const metricId = await insertMetric(fixture, { code: 'aside', aggregation: 'sum', fieldName: 'right' })
  const [event] = eventsOf('aside', { right: 7 }, 1)
  if (event === undefined) throw new Error('no event')
  await keepAside(fixture.pool, fixture.organizationId, { event, receivedAt }, new Error('a bug of then'))
  await Promise.all([retry(), retry()])
  expect(await unitsOf(metricId)).toEqual([7, 7])
  expect(await unprocessedReasons(fixture)).toEqual([])
})

test('an event that was set aside is shown as it can be sent, and one that is sent again is no other', async () => {
  await insertMetric(fixture, { code: 'shown', aggregation: 'sum', fieldName: 'right' })
  const [sent] = eventsOf('shown', { right: 7 }, 1)
  if (sent === undefined) throw new Error('no event')
  const event: UsageEvent = {
    ...sent,
    timedByServer: true,
    externalSubscriptionId: 'late',
    producer: { id: 'gateway', sequence: 1 },
  }
  await keepAside(fixture.pool, fixture.organizationId, { event, receivedAt }, new Error('a bug of then'))
  const { rows } = await fixture.pool.query<{ details: { event: string } }>(
    `select details from unprocessed_events where code = 'shown'`,
  )
  const details = { error: 'a bug of then', received_at: receivedAt, timed_by_server: true, event: expect.any(String) }
  expect(rows).toEqual([{ details }])
  expect(JSON.parse(rows[0]?.details.event ?? '')).toEqual({
    transaction_id: event.transactionId,
    ...(event.source === '' ? {} : { source: event.source }),
    external_customer_id: 'acme',
    external_subscription_id: 'late',
    code: 'shown',
    timestamp: isoOfMicros(event.timestampMicros),
    properties: { right: 7 },
    producer_id: 'gateway',
    producer_sequence: 1,
  })
  await retry()
  await aggregate([{ ...event, timestampMicros: event.timestampMicros + 1_000 }])
  expect(await unprocessedReasons(fixture)).toEqual([`${event.transactionId}: subscription_not_found`])
})

test('an entry that cannot be stored holds up none that come after it', async () => {
  const metricId = await insertMetric(fixture, { code: 'behind', aggregation: 'sum', fieldName: 'wrong' })
  const [event] = eventsOf('behind', { right: 2 }, 1)
  if (event === undefined) throw new Error('no event')
  // Postgres stores no NUL.
  const unstorable = { ...event, transactionId: 'unstorable', code: 'nul\u0000' }
  await fixture.pool.query(
    `insert into unprocessed_events (customer_id, organization_id, event_key, "timestamp", code, transaction_id, reason, details)
     select customer_id, organization_id, gen_random_uuid(), now(), 'x', 'unstorable', 'processing_failed', $2
     from customers where organization_id = $1 and external_id = 'acme'`,
    [fixture.organizationId, JSON.stringify({ event: writtenEvent(unstorable), received_at: receivedAt })],
  )
  const more = 1_100
  await aggregate(eventsOf('behind', { right: 2 }, more))
  await correctField(metricId)
  await expect(retry()).rejects.toThrow('invalid byte sequence')
  expect(await unitsOf(metricId)).toEqual([2 * more, 2 * more])
  expect((await unprocessedReasons(fixture)).filter((line) => line.includes('processing_failed'))).toEqual([
    'unstorable: processing_failed',
  ])
})

test('an event whose customer or subscription is still unknown stays', async () => {
  await insertMetric(fixture, { code: 'nobody', aggregation: 'count' })
  const about = { code: 'nobody', externalCustomerId: 'stranger', externalSubscriptionId: 'none', transactionId: 'n' }
  await aggregate([usageEvent(about), usageEvent({ code: 'no-metric', transactionId: 'm' })])
  expect(await retry()).toBe(0)
  expect(await unprocessedReasons(fixture)).toEqual([
    'm: metric_not_found',
    'n: customer_not_found',
    'n: subscription_not_found',
  ])
})
