import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openClient } from '../../client/src/tabkeeper-client.ts'
import { type FaultyService, startFaultyService } from '../support/faults-service.ts'
import { until } from '../support/faults-until.ts'
import { type InstalledClient, installClient } from '../support/installed-client.ts'

const LIVES = 6

let service: FaultyService
let installed: InstalledClient
let folder: string
const children = new Set<ChildProcess>()

beforeAll(async () => {
  installed = installClient()
  folder = mkdtempSync(join(tmpdir(), 'tabkeeper-killed-'))
  service = await startFaultyService()
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await service?.stop()
  installed?.remove()
  rmSync(folder, { recursive: true, force: true })
})

interface Recorder {
  readonly child: ChildProcess
  /** Complete lines of its output so far. */
  lines(): string[]
  readonly ended: Promise<void>
}

function startRecorder(spoolDirectory: string, name: string): Recorder {
  const parameters = ['recording-process.mjs', service.url, service.apiKey, spoolDirectory, name]
  const child = spawn(installed.node, parameters, { cwd: installed.folder, stdio: ['pipe', 'pipe', 'inherit'] })
  children.add(child)
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stdin?.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  return { child, lines: () => output.split('\n').slice(0, -1), ended }
}

function recordedBy(recorder: Recorder): string[] {
  return recorder.lines().flatMap((line) => (line.startsWith('recorded ') ? [line.slice('recorded '.length)] : []))
}

async function untilCounted(): Promise<void> {
  await until('all is counted', async () => (await service.producer.backlog('aggregate-usage')) === 0)
}

async function countedIds(prefix: string): Promise<string[]> {
  const { rows } = await service.pool.query<{ id: string }>(
    'select transaction_id as id from usage_events where starts_with(transaction_id, $1)',
    [prefix],
  )
  return rows.map(({ id }) => id)
}

async function missingOf(producerId: string): Promise<unknown> {
  const { rows } = await service.pool.query(
    `select highest_sequence::int as highest, received_count::int as received,
       (select json_agg(json_build_array(first_sequence, last_sequence)) from event_producer_gaps gap
        where gap.event_producer_id = producer.id) as gaps
     from event_producers producer where producer_id = $1`,
    [producerId],
  )
  return rows[0]
}

test('what an installed client has recorded counts exactly once, however often it and the service are killed', async () => {
  const spoolDirectory = join(folder, 'killed')
  const recorded: string[] = []
  for (let life = 0; life < LIVES; life += 1) {
    const recorder = startRecorder(spoolDirectory, `life${life}`)
    await until('it records', () => recordedBy(recorder).length > 20)
    if (life % 2 === 1) await Promise.all([service.kill('web'), pause(150 * life)])
    else await pause(40 * life)
    recorder.child.kill('SIGKILL')
    await recorder.ended
    recorded.push(...recordedBy(recorder))
  }
  const last = startRecorder(spoolDirectory, 'last')
  await until('it records', () => recordedBy(last).length > 20)
  last.child.stdin?.end('stop\n')
  await last.ended
  recorded.push(...recordedBy(last))
  expect(last.lines().at(-1)).toBe('closed 0')
  await untilCounted()
  const counted = [...(await countedIds('life')), ...(await countedIds('last'))]
  expect(counted.length).toBe(new Set(counted).size)
  const countedOnce = new Set(counted)
  expect(recorded.filter((id) => !countedOnce.has(id))).toEqual([])
  // Between the disk and its output a process may die, but it records four at once.
  expect(counted.length - recorded.length).toBeLessThanOrEqual(4 * LIVES)
  const [opened = ''] = last.lines()
  const highest = counted.length
  expect(await missingOf(opened.split(' ')[1] ?? '')).toEqual({ highest, received: highest, gaps: null })
})

test('what a spool has lost is a gap at the service, until it is found and sent after all', async () => {
  const spoolDirectory = join(folder, 'lost')
  const options = { apiKey: service.apiKey, spoolDirectory, maxSpoolBytes: 65_536, onError: () => undefined }
  const away = await openClient({ ...options, url: 'http://127.0.0.1:9' })
  const event = { externalCustomerId: 'acme', code: 'llm', properties: { filler: 'x'.repeat(3_000) } }
  for (let count = 0; count < 12; count += 1) await away.record({ ...event, transactionId: `spooled-${count}` })
  expect(await away.close({ timeoutMs: 0 })).toEqual({ unsentEvents: 12 })
  const [, lost = ''] = readdirSync(spoolDirectory)
    .filter((name) => name.endsWith('.segment'))
    .sort()
  renameSync(join(spoolDirectory, lost), join(folder, lost))

  const without = await openClient({ ...options, url: service.url })
  await without.flush()
  await without.close()
  await untilCounted()
  const first = Number.parseInt(lost, 10)
  const missing = 12 - (await countedIds('spooled-')).length
  expect(missing).toBeGreaterThan(0)
  expect(await missingOf(without.producerId)).toMatchObject({ highest: 12, gaps: [[first, first + missing - 1]] })

  renameSync(join(folder, lost), join(spoolDirectory, lost))
  rmSync(join(spoolDirectory, 'progress.json'))
  await (await openClient({ ...options, url: service.url })).close()
  await untilCounted()
  expect(await countedIds('spooled-')).toHaveLength(12)
  expect(await missingOf(without.producerId)).toEqual({ highest: 12, received: 12, gaps: null })
})
