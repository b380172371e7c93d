import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { TabkeeperClient } from '../../../client/src/tabkeeper-client.ts'
import { fillDisk } from '../../support/failing-disk.ts'
import { type ScriptedClients, startScriptedClients } from '../../support/scripted-clients.ts'
import type { ScriptedService } from '../../support/scripted-service.ts'

let clients: ScriptedClients
let service: ScriptedService
let folder: string
let open: ScriptedClients['open']
/** Without those of the service being away, the last of which may be heard of after it is back. */
let errors: string[]

beforeEach(async () => {
  errors = []
  clients = await startScriptedClients({
    batchEvents: 5,
    maxSpoolBytes: 65_536,
    onError: ({ code }) => void (code === 'unexpected_answer' || errors.push(code)),
  })
  ;({ service, folder, open } = clients)
})
afterEach(async () => {
  vi.restoreAllMocks()
  await clients.stop()
})

const EVENT = { externalCustomerId: 'acme', code: 'llm', properties: { filler: 'x'.repeat(3_000) } }

async function recordWhileAway(client: TabkeeperClient, count: number): Promise<void> {
  service.script = () => ({ status: 500 })
  for (let done = 0; done < count; done += 1) await client.record(EVENT)
  await vi.waitFor(() => expect(service.batches.length).toBeGreaterThan(0))
  service.batches.length = 0
  service.script = () => undefined
}

function sequencesSent(): number[] {
  return service.batches.flat().map(({ producer_sequence: sequence }) => sequence)
}

/** Says for as long as a reserve takes room that there is none, and for ever where none was made. */
function withoutReserve(): () => boolean {
  const reserve = join(folder, 'reserve')
  const isMade = existsSync(reserve)
  return () => !isMade || existsSync(reserve)
}

function segments(): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.segment'))
}

const ONE_TO_TWELVE = Array.from({ length: 12 }, (_, index) => index + 1)

test('a disk that does not take the note of what was sent gets everything sent once, and room is made on it', async () => {
  const client = await open()
  await recordWhileAway(client, 12)
  expect(segments().length).toBeGreaterThan(1)
  mkdirSync(join(folder, 'progress.json.written'))
  await client.flush()
  expect([client.unsentEvents, segments().length, sequencesSent()]).toEqual([0, 1, ONE_TO_TWELVE])
  expect(errors).toEqual(['spool_write_failed'])
})

test('what was not noted is noted as soon as the disk takes it', async () => {
  const client = await open()
  mkdirSync(join(folder, 'progress.json.written'))
  await client.record(EVENT)
  await client.flush()
  rmdirSync(join(folder, 'progress.json.written'))
  await client.close()
  expect(readFileSync(join(folder, 'progress.json'), 'utf8')).toBe('{"settled_through":1,"unreported":[]}')
})

test('a rejected event keeps its segment until the disk has noted that the service must hear of it', async () => {
  const client = await open()
  await recordWhileAway(client, 12)
  service.script = (path, events) => {
    if (path.endsWith('/dropped')) return { status: 503 }
    return { status: 202, body: { results: events.map(() => ({ status: 'rejected' })) } }
  }
  const before = segments()
  mkdirSync(join(folder, 'progress.json.written'))
  await vi.waitFor(() => expect(client.unsentEvents).toBeLessThan(12))
  expect(segments()).toEqual(before)
})

test('a full disk has the reserve for the note of what was sent and for rejected events', async () => {
  const client = await open()
  await recordWhileAway(client, 1)
  service.script = (path) =>
    path.endsWith('/dropped') ? undefined : { status: 202, body: { results: [{ status: 'rejected', errors: [] }] } }
  await fillDisk(withoutReserve())
  await client.flush()
  expect([errors, sequencesSent()]).toEqual([[], [1]])
  expect(readFileSync(join(folder, 'rejected.ndjson'), 'utf8').split('\n')).toHaveLength(2)
})

test('a batch that was answered waits for the disk to take its rejected events, and is not sent again', async () => {
  const client = await open()
  await recordWhileAway(client, 1)
  service.script = (path) =>
    path.endsWith('/dropped') ? undefined : { status: 202, body: { results: [{ status: 'rejected', errors: [] }] } }
  mkdirSync(join(folder, 'rejected.ndjson'))
  await vi.waitFor(() => expect(errors.length).toBeGreaterThan(2))
  rmdirSync(join(folder, 'rejected.ndjson'))
  await client.flush()
  expect([new Set(errors), sequencesSent()]).toEqual([new Set(['spool_write_failed']), [1]])
})

test('a spool is opened on a full disk, in the room of the reserve', async () => {
  await (await open()).close()
  await fillDisk(withoutReserve())
  const client = await open()
  await client.record(EVENT)
  expect(await client.close()).toEqual({ unsentEvents: 0 })
})

test('an opening that finds no room at all leaves nothing behind', async () => {
  await (await open()).close()
  await fillDisk(() => true)
  await expect(open()).rejects.toMatchObject({ code: 'spool_write_failed', cause: { code: 'ENOSPC' } })
  expect(readdirSync(folder).filter((name) => name.startsWith('lock'))).toEqual([])
})
