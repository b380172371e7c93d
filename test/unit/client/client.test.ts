import { getEventListeners } from 'node:events'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { postEvents } from '../../../client/src/delivery/service-requests.ts'
import { WaitingFlushes } from '../../../client/src/delivery/waiting-flushes.ts'
import { type ScriptedClients, startScriptedClients } from '../../support/scripted-clients.ts'
import type { ScriptedService } from '../../support/scripted-service.ts'

let clients: ScriptedClients
let service: ScriptedService
let folder: string
let open: ScriptedClients['open']
let errors: string[]

beforeEach(async () => {
  errors = []
  clients = await startScriptedClients({
    onError: ({ code, message }) => errors.push(`${code} ${message}`),
  })
  ;({ service, folder, open } = clients)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await clients.stop()
})

const EVENT = { externalCustomerId: 'acme', code: 'llm' }

test('a client whose folder was removed says at once what is lost with it, and closes', async () => {
  const client = await open({ flushIntervalMs: 60_000 })
  await client.record(EVENT)
  rmSync(folder, { recursive: true })
  await expect(client.record(EVENT)).rejects.toMatchObject({ code: 'spool_lock_lost' })
  await expect(client.record(EVENT)).rejects.toMatchObject({ code: 'closed' })
  expect(errors).toEqual([
    `spool_lock_lost ${folder} was taken by another process or removed; 1 events that were not sent are with the other process, or lost with the folder`,
  ])
  expect(await client.close()).toEqual({ unsentEvents: 1 })
})

test.each([Number.NaN, -1, 2 ** 31, '5' as unknown as number])(
  'a timeout of %j is refused, and closes nothing',
  async (timeoutMs) => {
    const client = await open()
    await expect(client.flush({ timeoutMs })).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(client.close({ timeoutMs })).rejects.toMatchObject({ code: 'invalid_option' })
    await client.record(EVENT)
    await client.flush()
  },
)

test('a flush may wait without an end, until everything is sent or the client is closed', async () => {
  service.script = () => (service.batches.length < 3 ? { status: 500 } : undefined)
  const client = await open()
  await client.record(EVENT)
  await client.flush({ timeoutMs: Infinity })
  service.script = () => ({ status: 500 })
  await client.record(EVENT)
  const flushed = client.flush({ timeoutMs: Infinity }).catch((error: unknown) => error)
  await client.close({ timeoutMs: 10 })
  expect(await flushed).toMatchObject({ code: 'closed' })
})

test('a flush that timed out is asked for no more', async () => {
  const flushes = new WaitingFlushes()
  const timedOut = await Promise.allSettled(Array.from({ length: 3 }, () => flushes.add(1, 0)))
  expect(timedOut.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(flushes.size).toBe(0)
})

test('a request leaves nothing at the signal that ends all of them', async () => {
  const { signal } = new AbortController()
  const derived = vi.spyOn(AbortSignal, 'any')
  const destination = { url: service.url, apiKey: 'tk', requestTimeoutMs: 1_000, producerId: 'test', signal }
  for (let count = 0; count < 3; count += 1) await postEvents(destination, [{ sequence: 1, text: '{"n":1}' }])
  expect([derived.mock.calls, getEventListeners(signal, 'abort')]).toEqual([[], []])
})

test('a request ends after its time, and with the client', async () => {
  const server = createServer(() => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = await open({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requestTimeoutMs: 20,
  })
  await client.record(EVENT)
  await vi.waitFor(() => expect(errors.at(0)).toMatch(/^unreachable .*no answer within 20 ms/))
  await client.close({ timeoutMs: 0 })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('what onError and onRejected reject with later is a warning, and harms nothing', async () => {
  const warnings: string[] = []
  vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(String(warning)))
  service.script = (path) => {
    if (service.batches.length === 1) return { status: 500 }
    return path.endsWith('/batch') ? { status: 202, body: { results: [{ status: 'rejected' }] } } : undefined
  }
  const client = await open({
    onError: () => Promise.reject(new Error('of onError')),
    onRejected: () => Promise.reject(new Error('of onRejected')),
  })
  await client.record(EVENT)
  await client.flush()
  await vi.waitFor(() =>
    expect(warnings).toEqual(['onError threw: Error: of onError', 'onRejected threw: Error: of onRejected']),
  )
})

test("a proxy's 413 costs no event", async () => {
  service.script = () => (service.batches.length < 5 ? { status: 413, body: '<html>' } : undefined)
  const client = await open()
  await Promise.all([client.record(EVENT), client.record(EVENT)])
  await client.flush()
  expect(service.batches.slice(4).flat()).toHaveLength(2)
  expect(readdirSync(folder)).not.toContain('rejected.ndjson')
})

test('a service that does not hear of rejected events gets all others', async () => {
  service.script = (path, events) => {
    if (path.endsWith('/dropped')) return { status: 404 }
    const results = events.map(({ producer_sequence: sequence }) => ({
      status: sequence === 1 ? 'rejected' : 'accepted',
    }))
    return { status: 202, body: { results } }
  }
  const client = await open()
  await client.record(EVENT)
  await client.flush()
  await client.record(EVENT)
  await client.flush()
  expect(service.paths.filter((path) => path.endsWith('/dropped'))).toHaveLength(1)
  expect(client.unsentEvents).toBe(0)
  expect(errors).toEqual([expect.stringContaining('unexpected_answer the service answered 404')])
  await client.close()
  service.script = () => undefined
  await (await open()).flush()
  expect(service.paths.at(-1)).toBe('/v1/event_producers/dropped')
})

test('a folder that cannot be opened is told by code and cause, and by its name', async () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await expect(open({ spoolDirectory: join(file, 'spool') })).rejects.toMatchObject({
    name: 'ClientError',
    code: 'spool_unreadable',
    message: expect.stringContaining(file),
    cause: { code: 'ENOTDIR' },
  })
})
