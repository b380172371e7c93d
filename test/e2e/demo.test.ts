import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { testRedisUrl } from '../support/redis.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})

afterAll(async () => {
  await database?.drop()
})

const WORDS = ['--once', '--json', '--requests', '2000', '--customers', '20']

test('a run once ends with one line of JSON, and the same seed bills the same again', async () => {
  const { code, output, errors } = await runDemo(WORDS)
  expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' })
  expect(output).toHaveLength(1)
  const summary = JSON.parse(output[0] ?? '') as Record<string, unknown>
  expect(summary).toEqual({
    events_sent: 3000,
    events_unique: 2000,
    invoices: 20,
    totals: { EUR: expect.stringMatching(/^\d+\.\d\d$/), JPY: expect.stringMatching(/^\d+$/), USD: expect.any(String) },
    events_per_s: expect.any(Number),
  })
  const again = await runDemo(WORDS)
  expect(JSON.parse(again.output[0] ?? '')).toMatchObject({ totals: summary['totals'] })
})

test('what cannot be read is said in one sentence, with a code that is not zero', async () => {
  const { code, output, errors } = await runDemo(['--file', 'package.json', '--once', '--json'])
  expect({ code, output, errors }).toEqual({
    code: 1,
    output: [],
    errors: 'The trace must begin with the line TIMESTAMP,ContextTokens,GeneratedTokens',
  })
})

test('Ctrl-C in the middle stops every process and is no success', async () => {
  const { code, output, errors } = await runDemo(['--once', '--json', '--requests', '40000'], 'events sent')
  expect({ code, output }).toEqual({ code: 130, output: [] })
  expect(errors).not.toContain('Closing the period')
  // Every process holds a connection as long as it lives.
  await expect.poll(countConnections, { timeout: 10_000 }).toBe(0)
})

interface DemoRun {
  readonly code: number | null
  /** The lines of the standard output. */
  readonly output: readonly string[]
  readonly errors: string
}

/** Runs the demo on the test's servers, and interrupts it when a line of the error output has these words. */
async function runDemo(words: readonly string[], interruptAt?: string): Promise<DemoRun> {
  const child = spawn(process.execPath, ['cli/demo.ts', ...words], {
    env: { ...process.env, DATABASE_URL: database.url, REDIS_URL: testRedisUrl() ?? '', PORT: '', LOG_LEVEL: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  const errors: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => output.push(line))
  createInterface({ input: child.stderr }).on('line', (line) => {
    errors.push(line)
    if (interruptAt !== undefined && line.includes(interruptAt)) child.kill('SIGINT')
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, output, errors: errors.join('\n') }
}

async function countConnections(): Promise<number> {
  const client = new Client({ connectionString: database.url })
  await client.connect()
  try {
    const { rows } = await client.query<{ count: number }>(`
      select count(*)::integer as count from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`)
    return rows[0]?.count ?? -1
  } finally {
    await client.end()
  }
}
