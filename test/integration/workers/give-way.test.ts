import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../../support/processes.ts'

const knowsThreads = existsSync('/proc/self/task')
const knowsGroups = existsSync('/proc/self/autogroup')

let service: TestService

beforeAll(async () => {
  service = await startService()
})

afterAll(() => service?.stop())

test.runIf(knowsThreads)('every thread of a worker gives way, none of web does', async () => {
  await expect.poll(() => threadPriorities('aggregate-usage'), { timeout: 10_000 }).toEqual(new Set([5]))
  expect(threadPriorities('web')).toEqual(new Set([0]))
})

test.runIf(knowsGroups)('a worker gives way among the sessions of the machine', async () => {
  await expect.poll(() => groupPriority(pidOf('aggregate-usage')), { timeout: 10_000 }).toBe(5)
  expect(groupPriority(pidOf('web'))).toBe(0)
})

test.runIf(knowsGroups)('so does the Postgres process of each of its connections', async () => {
  const client = new Client({ connectionString: service.databaseUrl })
  await client.connect()
  try {
    const priorities = async () => {
      // A connection that nobody has used for a while is closed, and `web` has no other need of one.
      await fetch(new URL('/readyz', service.url))
      const { rows } = await client.query<{ pid: number; name: string }>(
        `select pid, application_name as name from pg_stat_activity
         where datname = current_database() and application_name like 'tabkeeper %'`,
      )
      return new Set(
        rows.map(({ pid, name }) => `${name === 'tabkeeper web' ? 'web' : 'worker'} ${groupPriority(pid)}`),
      )
    }
    await expect.poll(priorities, { timeout: 20_000 }).toEqual(new Set(['web 0', 'worker 5']))
  } finally {
    await client.end()
  }
})

function pidOf(process: string): number {
  const pid = service.supervisor.processes().find(({ name }) => name === process)?.pid
  if (pid === undefined) throw new Error(`${process} does not run`)
  return pid
}

function threadPriorities(process: string): Set<number> {
  return new Set(readdirSync(`/proc/${pidOf(process)}/task`).map((thread) => getPriority(Number(thread))))
}

function groupPriority(pid: number): number {
  return Number(/nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, 'utf8'))?.[1])
}
