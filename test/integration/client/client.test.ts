import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type ClientOptions, openClient, type TabkeeperClient } from '../../../client/src/tabkeeper-client.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { startUnreliableProxy, type UnreliableProxy } from '../../support/unreliable-proxy.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'

let api: TestApi
let workers: RunningWorkers
let proxy: UnreliableProxy
let organization: ApiClient
let folder: string
let opened: TabkeeperClient[] = []

beforeAll(async () => {
  api = await startApi()
  workers = await startWorkers(api.config, ['aggregate-usage'])
})
beforeEach(async () => {
  proxy = await startUnreliableProxy(api.url)
  organization = await api.client()
  folder = mkdtempSync(join(tmpdir(), 'tabkeeper-client-'))
})
afterEach(async () => {
  await Promise.all(opened.map((client) => client.close({ timeoutMs: 0 })))
  opened = []
  await proxy.stop()
  rmSync(folder, { recursive: true, force: true })
})
afterAll(async () => {
  await workers.stop()
  await api.stop()
})

async function open(options: Partial<ClientOptions> = {}): Promise<TabkeeperClient> {
  const client = await openClient({
    url: proxy.url,
    apiKey: organization.apiKey,
    spoolDirectory: folder,
    producer: 'gateway',
    batchEvents: 10,
    flushIntervalMs: 50,
    maxBackoffMs: 50,
    onError: () => undefined,
    ...options,
  })
  opened.push(client)
  return client
}

const EVENT = { externalCustomerId: 'acme', code: 'llm', properties: { tokens: 5 } }

async function recordMany(client: TabkeeperClient, count: number): Promise<string[]> {
  const recorded = await Promise.all(Array.from({ length: count }, () => client.record(EVENT)))
  return recorded.map(({ transactionId }) => transactionId)
}

async function counted(): Promise<string[]> {
  await vi.waitFor(
    async () => expect((await organization.get('/events/backlog')).body).toEqual({ queued_batches: 0 }),
    { timeout: 20_000, interval: 20 },
  )
  const { rows } = await workers.context.pool.query<{ id: string }>(
    'select transaction_id as id from usage_events where organization_id = $1',
    [organization.organizationId],
  )
  return rows.map(({ id }) => id).sort()
}

async function producer() {
  return (await organization.get('/event_producers')).body.data[0]
}

describe('what is recorded', () => {
  test('is sent in batches and counted once, and the service knows that nothing is missing', async () => {
    const client = await open()
    const ids = await recordMany(client, 35)
    await client.flush()
    expect(client.unsentEvents).toBe(0)
    expect(await counted()).toEqual(ids.toSorted())
    expect(await producer()).toMatchObject({ producer_id: client.producerId, received_count: 35, missing_count: 0 })
    expect(proxy.requests.length).toBeLessThanOrEqual(5)
  })

  test('goes by itself, without being asked', async () => {
    const client = await open()
    await client.record(EVENT)
    await vi.waitFor(() => expect(client.unsentEvents).toBe(0), { timeout: 10_000 })
  })

  test('while the service is away is kept, over a restart of its process, and sent when it is back', async () => {
    proxy.mishap = () => 'lost request'
    const errors: string[] = []
    const client = await open({ onError: ({ code }) => errors.push(code) })
    const ids = await recordMany(client, 12)
    await expect(client.flush({ timeoutMs: 200 })).rejects.toMatchObject({ code: 'flush_timed_out' })
    expect(await client.close({ timeoutMs: 100 })).toEqual({ unsentEvents: 12 })
    expect(new Set(errors)).toEqual(new Set(['unreachable']))
    proxy.mishap = () => 'none'
    const next = await open()
    expect(next.producerId).toBe(client.producerId)
    ids.push(...(await recordMany(next, 3)))
    expect(await next.close()).toEqual({ unsentEvents: 0 })
    expect(await counted()).toEqual(ids.toSorted())
    expect(await producer()).toMatchObject({ received_count: 15, missing_count: 0 })
  })

  test('counts once although every answer is lost at first, and some answers are 500', async () => {
    let requests = 0
    proxy.mishap = () => {
      requests += 1
      if (requests % 3 === 1) return 'lost answer'
      return requests % 3 === 2 ? { status: 500 } : 'none'
    }
    const client = await open()
    const ids = await recordMany(client, 60)
    await client.flush()
    expect(await counted()).toEqual(ids.toSorted())
    expect(await producer()).toMatchObject({ received_count: 60, missing_count: 0 })
  })

  test('by a client that is closed is refused', async () => {
    const client = await open()
    await client.close()
    await expect(client.record(EVENT)).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('an event that the service refuses', () => {
  test('is kept aside and told, holds up no other, and is no gap', async () => {
    const rejected: unknown[] = []
    const client = await open({ onRejected: (event) => rejected.push(event) })
    const around = await recordMany(client, 1)
    const wrong = await client.record({ ...EVENT, timestamp: 'yesterday' })
    around.push(...(await recordMany(client, 1)))
    await client.flush()
    const told = {
      sequence: 2,
      errors: [{ loc: ['body', 'events', 1, 'timestamp'], msg: expect.any(String), type: 'timestamp' }],
      event: expect.objectContaining({
        transaction_id: wrong.transactionId,
        timestamp: 'yesterday',
        producer_sequence: 2,
      }),
    }
    expect(rejected).toEqual([told])
    const line = JSON.parse(readFileSync(join(folder, 'rejected.ndjson'), 'utf8')) as object
    expect(line).toEqual({ rejected_at: expect.any(String), ...told })
    expect(await counted()).toEqual(around.toSorted())
    expect(await producer()).toMatchObject({ received_count: 2, dropped_count: 1, missing_count: 0 })
  })

  test('is told as a gap until the service hears that it will not come', async () => {
    proxy.mishap = (path) => (path.endsWith('/dropped') ? 'lost request' : 'none')
    const client = await open()
    await client.record({ ...EVENT, timestamp: 'yesterday' })
    await recordMany(client, 1)
    await vi.waitFor(() => expect(client.unsentEvents).toBe(0), { timeout: 10_000 })
    await client.close({ timeoutMs: 0 })
    await counted()
    expect(await producer()).toMatchObject({ missing_count: 1, gaps: [{ first_sequence: 1, last_sequence: 1 }] })
    proxy.mishap = () => 'none'
    await (await open()).flush()
    expect(await producer()).toMatchObject({ dropped_count: 1, missing_count: 0, gaps: [] })
  })
})

describe('a service that refuses', () => {
  test('with 429 is left alone for as long as it says, flush or not', async () => {
    let refusals = 1
    proxy.mishap = () => (refusals-- > 0 ? { status: 429, retryAfter: '1' } : 'none')
    const client = await open()
    await client.record(EVENT)
    await vi.waitFor(() => expect(proxy.requests).toHaveLength(1), { timeout: 10_000 })
    await client.flush()
    const [first, second] = proxy.requests
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990)
  })

  test('the key gets nothing more, says so, and events are recorded all the same', async () => {
    const errors: string[] = []
    const client = await open({ apiKey: 'tk_wrong', onError: ({ code }) => errors.push(code) })
    await client.record(EVENT)
    await vi.waitFor(() => expect(errors).toEqual(['unauthorized']), { timeout: 10_000 })
    await expect(client.flush()).rejects.toMatchObject({ code: 'unauthorized' })
    await recordMany(client, 30)
    expect(proxy.requests).toHaveLength(1)
    expect(await client.close()).toEqual({ unsentEvents: 31 })
    expect(await (await open()).close()).toEqual({ unsentEvents: 0 })
    expect(await counted()).toHaveLength(31)
  })

  test('a body that is too large gets smaller ones, until it takes them', async () => {
    let refusals = 2
    proxy.mishap = () => (refusals-- > 0 ? { status: 413 } : 'none')
    const client = await open()
    await recordMany(client, 10)
    await client.flush()
    expect(await counted()).toHaveLength(10)
    expect(await producer()).toMatchObject({ dropped_count: 0, missing_count: 0 })
  })
})
