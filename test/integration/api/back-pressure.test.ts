import { tmpdir } from 'node:os'
import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { startWebProcess } from '../../../api/web-process.ts'
import { type Answer, type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { startWorkers } from '../../support/workers.ts'

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function start(environment: NodeJS.ProcessEnv): Promise<{ api: TestApi; client: ApiClient }> {
  const api = await startApi(environment)
  stops.push(() => api.stop())
  return { api, client: await api.client() }
}

async function startCounting(api: TestApi): Promise<void> {
  const workers = await startWorkers(api.config, ['aggregate-usage'])
  stops.push(() => workers.stop())
}

function event(id: string) {
  return { transaction_id: id, external_customer_id: 'acme', code: 'llm', properties: { n: 1 } }
}

function events(prefix: string, count: number) {
  return Array.from({ length: count }, (_, index) => event(`${prefix}-${index}`))
}

function expectOverload(answer: Answer, detail: string) {
  expect([answer.status, answer.body.code, answer.body.detail]).toEqual([
    429,
    'ingest_overloaded',
    expect.stringContaining(detail),
  ])
  expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
}

async function createCount(client: ApiClient): Promise<void> {
  await client.post('/billable_metrics', {
    code: 'n',
    name: 'N',
    aggregation: 'sum',
    field_name: 'n',
    event_code: 'llm',
  })
}

async function countedUnits(client: ApiClient): Promise<string> {
  const range = 'from=2020-01-01T00:00:00Z&to=2090-01-01T00:00:00Z'
  const { body } = await client.get(`/usage?billable_metric_code=n&external_customer_id=acme&${range}`)
  return body.data[0]?.units
}

async function untilCounted(client: ApiClient, units: number): Promise<void> {
  const counted = async () => expect((await client.get('/events/backlog')).body).toEqual({ queued_batches: 0 })
  await vi.waitFor(counted, { timeout: 40_000, interval: 50 })
  expect(await countedUnits(client)).toBe(String(units))
}

test('of events with one identity the first that was accepted counts, however much waits before them', async () => {
  const { api, client } = await start({})
  await createCount(client)
  const say = async (said: readonly object[]) => {
    expect((await client.post('/events/batch', { events: said })).status).toBe(202)
  }
  // Jobs that take long between jobs that do not: were they taken from two queues in turns, the short ones would be ahead.
  const long = events('filler', 2_000)
  for (let index = 0; index < 100; index += 1) {
    await say(long)
    await say(long.slice(0, 1))
  }
  for (let index = 0; index < 10; index += 1) {
    for (const n of [1, 1_000]) await say([{ ...event(`twin-${index}`), properties: { n } }])
  }
  await startCounting(api)
  await untilCounted(client, 2_000 + 10)
})

test('past the bound of the queue events are refused, and everything accepted is counted', async () => {
  const { api, client } = await start({ INGEST_MAX_QUEUED_EVENTS: '500' })
  await createCount(client)
  const accepted: string[] = []
  let refused: Answer | undefined
  for (let batch = 0; refused === undefined && batch < 100; batch += 1) {
    const single = await client.post('/events', event(`s-${batch}`))
    if (single.status === 202) accepted.push(`s-${batch}`)
    const answer = await client.post('/events/batch', { events: events(`b-${batch}`, 99) })
    if (answer.status === 202) accepted.push(...events(`b-${batch}`, 99).map(({ transaction_id: id }) => id))
    else refused = answer
  }
  expect(accepted).toHaveLength(500)
  expectOverload(refused as Answer, '500 events or more wait to be counted')
  expectOverload(await client.post('/events', event('late')), 'wait to be counted')
  const lines = events('stream', 10).map((line) => JSON.stringify(line))
  const stream = await client.post('/events/batch', lines.join('\n'), { 'content-type': 'application/x-ndjson' })
  expectOverload(stream, 'wait to be counted')
  await startCounting(api)
  await untilCounted(client, 500)
  await vi.waitFor(async () => expect((await client.post('/events', event('late'))).status).toBe(202), {
    timeout: 10_000,
    interval: 100,
  })
  await untilCounted(client, 501)
})

test('the bound counts events and not jobs, those that came through other processes included', async () => {
  const { api, client } = await start({ INGEST_MAX_QUEUED_EVENTS: '100' })
  expect((await client.post('/events/batch', { events: events('a', 99) })).status).toBe(202)
  const other = await startWebProcess(api.config, pino({ level: 'silent' }))
  stops.push(() => other.stop())
  const sendToOther = async (id: string) => {
    const headers = { authorization: `Bearer ${client.apiKey}`, 'content-type': 'application/json' }
    const answer = await fetch(`${other.url}/v1/events`, { method: 'POST', headers, body: JSON.stringify(event(id)) })
    return answer.status
  }
  expect([await sendToOther('b'), await sendToOther('c')]).toEqual([202, 429])
  await vi.waitFor(async () => expect((await client.post('/events', event('b'))).status).toBe(429), {
    timeout: 5_000,
    interval: 100,
  })
})

test('a stream that is longer than the bound goes at the speed of the workers', async () => {
  const { api, client } = await start({ INGEST_MAX_QUEUED_EVENTS: '1000' })
  await createCount(client)
  const lines = events('stream', 20_000).map((line) => JSON.stringify(line))
  const stream = client.post('/events/batch', lines.join('\n'), { 'content-type': 'application/x-ndjson' })
  await vi.waitFor(async () => expect((await client.post('/events', event('x'))).status).toBe(429), {
    timeout: 10_000,
    interval: 20,
  })
  await startCounting(api)
  expect((await stream).body).toEqual({ accepted: 20_000, rejected: 0, rejections: [], durable_lines: 20_000 })
  const { body } = await client.get('/events?external_customer_id=acme&limit=1')
  expect(body.data).toHaveLength(1)
  const counted = async () => expect((await client.get('/events/backlog')).body).toEqual({ queued_batches: 0 })
  await vi.waitFor(counted, { timeout: 40_000, interval: 50 })
  expect(Number(await countedUnits(client))).toBeGreaterThanOrEqual(20_000)
})

test('with too little space left where the database is, events are refused and all else goes on', async () => {
  const { client } = await start({ DATABASE_FOLDER: tmpdir(), DATABASE_MIN_FREE_MB: '1000000000' })
  expectOverload(await client.post('/events', event('a')), 'less than 1000000000 MiB are free')
  expect((await client.post('/customers', { external_id: 'acme' })).status).toBe(201)
})

test('with a database that has reached its size, events are refused', async () => {
  const { client } = await start({ DATABASE_MAX_MB: '1' })
  expectOverload(await client.post('/events/batch', { events: [event('a')] }), 'the database has reached its 1 MiB')
})

test('a folder that cannot be looked at refuses nothing', async () => {
  const { client } = await start({ DATABASE_FOLDER: '/no/such/folder' })
  expect((await client.post('/events', event('a'))).status).toBe(202)
})
