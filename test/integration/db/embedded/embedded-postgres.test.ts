import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EmbeddedPostgres } from '../../../../db/embedded/embedded-postgres.ts'
import { findRunningServer } from '../../../../db/embedded/running-server.ts'

const isRoot = process.getuid?.() === 0
const MODULE = new URL('../../../../db/embedded/embedded-postgres.ts', import.meta.url).href

let parent: string
let folder: string
let postgres: EmbeddedPostgres

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'tabkeeper-embedded-'))
  folder = join(parent, 'data')
  postgres = new EmbeddedPostgres({ folder, profile: 'test' })
})

afterEach(async () => {
  await postgres.remove()
  rmSync(parent, { recursive: true, force: true })
})

test('it is PostgreSQL 18 with durable commits, in UTF-8, on 127.0.0.1 only', async () => {
  await postgres.start()
  const settings = await ask(`select name, setting from pg_settings where name in ('fsync', 'synchronous_commit',
    'wal_compression', 'listen_addresses', 'unix_socket_directories', 'server_encoding') order by name`)
  expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: 'on',
    synchronous_commit: 'on',
    wal_compression: 'off',
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    server_encoding: 'UTF8',
  })
  expect(await ask('select version() as text')).toEqual([{ text: expect.stringMatching(/^PostgreSQL 18/) }])
})

test('others find it by its folder while it runs', async () => {
  await postgres.start()
  expect(findRunningServer(folder)).toBe(postgres.url)
  await postgres.stop()
  expect(findRunningServer(folder)).toBeUndefined()
})

test('nobody gets in without the password, which only its owner can read', async () => {
  await postgres.start()
  const wrong = new URL(postgres.url)
  wrong.password = 'guess'
  await expect(new Client({ connectionString: wrong.href }).connect()).rejects.toThrow('password')
  expect(statSync(join(folder, 'postgres-password')).mode & 0o777).toBe(0o600)
})

test('data outlives a kill -9 and a stop', async () => {
  await postgres.start()
  await ask('create table kept as select 42 as answer')
  process.kill(postgres.pid as number, 'SIGKILL')
  await postgres.exited
  await postgres.start()
  await postgres.stop()
  await postgres.start()
  expect(await ask('select answer from kept')).toEqual([{ answer: 42 }])
})

test('a second runner on the same folder is turned away', async () => {
  await postgres.start()
  await expect(new EmbeddedPostgres({ folder, profile: 'test' }).start()).rejects.toThrow(
    `in use by process ${process.pid}`,
  )
})

test('what a killed runner left running is taken over', async () => {
  const left = await startIn('kill -9')
  expect(() => process.kill(left, 0)).not.toThrow()
  await postgres.start()
  expect(postgres.pid).not.toBe(left)
  await expect.poll(() => isAlive(left), { timeout: 10_000 }).toBe(false)
})

test('a runner that ends by SIGTERM takes its server with it', async () => {
  const left = await startIn('SIGTERM')
  await expect.poll(() => isAlive(left), { timeout: 10_000 }).toBe(false)
})

test.runIf(isRoot)(
  'root keeps data and programs outside a folder that only root can enter, and deletes them',
  async () => {
    expect(statSync(parent).mode & 0o777).toBe(0o700)
    await postgres.start()
    const data = readFileSync(join(folder, 'postgres-location'), 'utf8').trim()
    expect(data.startsWith(parent)).toBe(false)
    expect(existsSync(join(data, 'PG_VERSION'))).toBe(true)
    await postgres.remove()
    expect(existsSync(data)).toBe(false)
  },
)

test.runIf(isRoot)('root keeps data in the folder when the server’s user can enter it', async () => {
  const open = mkdtempSync(join('/tmp', 'tabkeeper-open-'))
  mkdirSync(join(open, 'data'))
  chmodSync(open, 0o755)
  postgres = new EmbeddedPostgres({ folder: join(open, 'data'), profile: 'test' })
  try {
    await postgres.start()
    expect(statSync(join(open, 'data/postgres')).uid).not.toBe(0)
  } finally {
    await postgres.remove()
    rmSync(open, { recursive: true, force: true })
  }
})

/** Starts a server in a process of its own, lets that process die, and answers the server's process id. */
async function startIn(death: 'kill -9' | 'SIGTERM'): Promise<number> {
  const script = `
    import { EmbeddedPostgres } from '${MODULE}'
    const postgres = new EmbeddedPostgres({ folder: ${JSON.stringify(folder)}, profile: 'test' })
    await postgres.start()
    console.log(postgres.pid)`
  const runner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [printed] = (await once(runner.stdout, 'data')) as [Buffer]
  runner.kill(death === 'kill -9' ? 'SIGKILL' : 'SIGTERM')
  await once(runner, 'exit')
  return Number(printed.toString())
}

// A process whose parent has gone may be dead and still listed.
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] !== 'Z'
  } catch {
    return false
  }
}

async function ask(statement: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: postgres.url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
