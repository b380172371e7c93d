import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Supervisor } from '../../../../cli/start/supervisor.ts'
import { startService, type TestService } from '../../../support/processes.ts'

const WEB = `
import { createServer } from 'node:http'
createServer((request, response) => response.end(process.env.TABKEEPER_SECRET)).listen(process.env.PORT, process.env.HOST)
process.on('SIGTERM', () => { console.log('web says goodbye'); process.exit(0) })`

let folder: string
let service: TestService | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tabkeeper-procfile-'))
  write('Procfile', 'release: node release.mjs\nweb: node web.mjs\nworker: node worker.mjs')
  write('release.mjs', `console.log('migrated ' + new URL(process.env.DATABASE_URL).protocol)`)
  write('web.mjs', WEB)
  write('worker.mjs', `console.log('working'); setInterval(() => {}, 1000)`)
})

afterEach(async () => {
  await service?.stop()
  service = undefined
  rmSync(folder, { recursive: true, force: true })
})

test('release runs to its end before the others start', async () => {
  service = await startService({ folder })
  expect(service.output().split('\n').slice(0, 1)).toEqual(['release: migrated postgres:'])
  expect(service.supervisor.processes().map((status) => status.name)).toEqual(['web', 'worker'])
})

test('a release that fails stops the start and leaves nothing running', async () => {
  write('release.mjs', `console.log('no such table'); process.exit(3)`)
  await expect(startService({ folder })).rejects.toThrow(/release ended with code 3[\s\S]*no such table/)
})

test('a process that is killed is started again, and the others keep running', async () => {
  service = await startService({ folder })
  const before = pids(service)
  await service.kill('web')
  const after = pids(service)
  expect(after.get('worker')).toBe(before.get('worker'))
  expect(after.get('web')).not.toBe(before.get('web'))
})

test('an embedded Postgres that is killed comes back under the same address with its data', async () => {
  service = await startService({ folder, postgres: 'own' })
  await query(service.databaseUrl, 'create table kept as select 42 as answer')
  await service.kill('postgres')
  expect(await query(service.databaseUrl, 'select answer from kept')).toEqual([{ answer: 42 }])
})

test('a stop asks every process to end and waits until it has', async () => {
  service = await startService({ folder, postgres: 'own' })
  const running = [...pids(service).values()] as number[]
  await service.supervisor.stop()
  expect(service.output()).toContain('web: web says goodbye')
  for (const pid of running) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

test('a taken port is named before anything starts', async () => {
  service = await startService({ folder })
  const { port } = new URL(service.url)
  const second = new Supervisor({ folder, environment: { PORT: port, DATABASE_URL: service.databaseUrl } })
  await expect(second.prepare()).rejects.toThrow(`Port ${port} is taken`)
})

test('the secret is made once and stays the same', async () => {
  service = await startService({ folder })
  const first = await (await fetch(service.url)).text()
  await service.kill('web')
  await expect.poll(async () => (await fetch(service?.url ?? '')).text(), { timeout: 10_000 }).toBe(first)
  expect(first).toMatch(/^[0-9a-f]{64}$/)
})

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}

function pids({ supervisor }: TestService): Map<string, number | undefined> {
  return new Map(supervisor.processes().map(({ name, pid }) => [name, pid]))
}

async function query(url: string, statement: string): Promise<readonly unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
