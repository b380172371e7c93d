import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PROJECT_FOLDER } from '../../cli/start/running-process.ts'
import { writeArchive } from '../../cli/tabkeeper/archive/write-archive.ts'
import type { ExportedEvent } from '../../db/archives/export-month.ts'
import { createConnection } from '../../db/connection.ts'
import { aggregateEvents } from '../../workers/aggregate-usage/aggregate-events.ts'
import { holdWritesTo } from '../support/faults-locks.ts'
import { until } from '../support/faults-until.ts'
import { createMeteringFixture, insertMetric, type MeteringFixture } from '../support/metering.ts'
import { priceTouched } from '../support/pricing.ts'
import { expectVerified, runTabkeeper } from '../support/tabkeeper.ts'
import { usageEvent } from '../support/usage-event.ts'

const EVENTS = 300

let fixture: MeteringFixture
let archive: string
let child: ChildProcess | undefined
/** Of the owner, who sees what others wait for. */
let owner: Pool

beforeEach(async () => {
  archive = mkdtempSync(join(tmpdir(), 'tabkeeper-archive-'))
  fixture = await createMeteringFixture()
  owner = new Pool({ connectionString: fixture.url, options: '-c search_path=tabkeeper' })
  await insertMetric(fixture, { code: 'tokens', aggregation: 'sum', fieldName: 'tokens' })
  const received = Array.from({ length: EVENTS }, () => ({ event: usageEvent(), receivedAt: '2026-03-03T12:00:00Z' }))
  await aggregateEvents(fixture.pool, fixture.organizationId, received)
  await fixture.pool.query('delete from unprocessed_events')
  await priceTouched({ connection: createConnection(fixture.pool) })
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await owner.end()
  await fixture.close()
  rmSync(archive, { recursive: true, force: true })
})

function startArchiving(): ChildProcess {
  const words = ['cli/tabkeeper.ts', 'partitions', 'archive', '--before', '2026-04', '--to', archive]
  child = spawn(process.execPath, words, {
    cwd: PROJECT_FOLDER,
    env: { ...process.env, DATABASE_URL: fixture.url },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return child
}

async function kill(killed: ChildProcess): Promise<void> {
  const exited = once(killed, 'exit')
  killed.kill('SIGKILL')
  await exited
  // The server notices a moment later, and what it held is free then.
  await until('its locks are gone', async () => {
    const { rows } = await fixture.pool.query(
      `select from pg_locks where locktype = 'advisory' and objid = $1::bigint % 4294967296`,
      [7_282_533_703],
    )
    return rows.length === 0
  })
}

async function isWaiting(statement: string): Promise<boolean> {
  const { rows } = await owner.query(
    `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and query ilike $1`,
    [`${statement}%`],
  )
  return rows.length > 0
}

const count = async (table: string) => {
  const { rows } = await fixture.pool.query<{ count: string }>(`select count(*) from ${table}`)
  return Number(rows[0]?.count)
}

test('killed with all files written, it leaves the month in the database, and can be run again', async () => {
  const barrier = await holdWritesTo(owner, 'tabkeeper.archived_usage')
  const archiving = startArchiving()
  await barrier.reached('insert into archived_usage')
  await kill(archiving)
  await barrier.lift()
  expect([await count('usage_events'), await count('archived_usage')]).toEqual([EVENTS, 0])
  await expectVerified(fixture.url)
  const again = ['partitions', 'archive', '--before', '2026-04', '--to', archive]
  expect(await runTabkeeper(again, { DATABASE_URL: fixture.url })).toMatchObject({ exitCode: 0 })
  expect(await count('usage_events')).toBe(0)
  await expectArchived()
})

test('killed with the month taken out, it leaves a verified archive that the database knows', async () => {
  const reader = await owner.connect()
  await reader.query('begin')
  await reader.query('lock table only usage_events in access share mode')
  const archiving = startArchiving()
  await until('it is about to drop the partition', () => isWaiting('lock table only usage_events'))
  await kill(archiving)
  await reader.query('rollback')
  reader.release()
  expect(await count('usage_events')).toBe(0)
  await expectArchived()
})

test('a write that fails leaves no folder that could be taken for an archive', async () => {
  async function* failing(): AsyncGenerator<ExportedEvent> {
    yield { organization: 'o', organizationId: 1, customerId: 1, json: '{}' }
    throw new Error('the connection is gone')
  }
  await expect(writeArchive(archive, { month: '2026-03', schema: '', events: failing() })).rejects.toThrow('gone')
  expect(readdirSync(archive)).toEqual([])
})

async function expectArchived(): Promise<void> {
  const verified = await runTabkeeper(['verify', '--json', '--archive', archive], { DATABASE_URL: fixture.url })
  expect(verified).toMatchObject({ exitCode: 0, json: { equal: true, unread: [] } })
  const restoring = ['partitions', 'restore', '--month', '2026-03', '--from', archive]
  expect(await runTabkeeper(restoring, { DATABASE_URL: fixture.url })).toMatchObject({ exitCode: 0 })
  expect(await count('usage_events')).toBe(EVENTS)
  await expectVerified(fixture.url)
}
