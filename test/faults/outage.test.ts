import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAccounts } from '../../cli/demo/open-accounts.ts'
import { EmbeddedPostgres } from '../../db/embedded/embedded-postgres.ts'
import { findUsageFaults, untilQueuesAreEmpty } from '../support/faults-audit.ts'
import { askToEnd, END_WITHIN_MS, untilAllRun } from '../support/faults-end.ts'
import { replayWithFaults } from '../support/faults-replay.ts'
import { faultScenario } from '../support/faults-scenario.ts'
import { type FaultyService, pidsOf, startFaultyService } from '../support/faults-service.ts'
import { until } from '../support/faults-until.ts'
import { testRedisUrl } from '../support/redis.ts'
import { expectVerified } from '../support/tabkeeper.ts'

const REQUESTS = 2_000
/** What is measured is a rate, so it takes a stretch of time. */
const OUTAGE_MS = 8_000
const LINES_PER_SECOND = 4
const PROCESSOR_SHARE = 0.4

const scenario = faultScenario({ requests: REQUESTS, customers: 20 })
let folder: string
let postgres: EmbeddedPostgres
let service: FaultyService

// The servers belong to the test: the runner would start them again at once.
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tabkeeper-outage-'))
  postgres = new EmbeddedPostgres({ folder, profile: 'test' })
  await postgres.start()
  service = await startFaultyService({ postgres: 'own', environment: { DATABASE_URL: postgres.url } })
  await openAccounts(service.client, scenario)
})

afterAll(async () => {
  try {
    await service?.stop()
  } finally {
    await postgres?.remove()
    rmSync(folder, { recursive: true, force: true })
  }
})

const SERVERS = testRedisUrl() === undefined ? (['Postgres'] as const) : (['Postgres', 'Redis'] as const)

test.each(SERVERS)('while %s is away no process ends, spins or floods its log', async (server) => {
  const before = pidsOf(service)
  await takeAway(server)
  const cost = await costOf(OUTAGE_MS)
  await bringBack(server)
  await until('the service is ready', isReady)
  expect(pidsOf(service)).toEqual(before)
  for (const { name, lines, processorMs } of cost) {
    expect.soft(lines, `log lines of ${name}`).toBeLessThan((LINES_PER_SECOND * OUTAGE_MS) / 1000)
    if (process.platform === 'linux') {
      expect.soft(processorMs, `processor time of ${name}`).toBeLessThan(PROCESSOR_SHARE * OUTAGE_MS)
    }
  }
  console.table(cost)
})

test.each(SERVERS)('a process that is asked to end while %s is away ends within ten seconds', async (server) => {
  await takeAway(server)
  const ends = await Promise.all([...pidsOf(service).keys()].map((name) => askToEnd(service, name)))
  await bringBack(server)
  await until('the service is ready', isReady)
  await untilAllRun(service)
  expect(ends.filter(({ durationMs }) => durationMs >= END_WITHIN_MS)).toEqual([])
  console.table(ends)
})

test('after an outage usage counts as before, and no job has failed for good', async () => {
  await replayWithFaults(service, scenario, [])
  await until('all is counted', async () => (await service.producer.backlog('aggregate-usage')) === 0)
  expect(await findUsageFaults(service.pool, REQUESTS)).toEqual([])
  await expectVerified(service.databaseUrl)
  await untilQueuesAreEmpty(service)
})

async function takeAway(server: (typeof SERVERS)[number]): Promise<void> {
  await (server === 'Postgres' ? postgres.stop() : service.redis?.kill())
}

async function bringBack(server: (typeof SERVERS)[number]): Promise<void> {
  await (server === 'Postgres' ? postgres.start() : service.redis?.start())
}

async function isReady(): Promise<boolean> {
  const answer = await fetch(`${service.url}/readyz`).catch(() => undefined)
  return answer?.status === 200
}

/** What every process spends in so much time. */
async function costOf(durationMs: number): Promise<{ name: string; lines: number; processorMs: number }[]> {
  const lines: string[] = []
  const listen = (name: string) => void lines.push(name)
  service.supervisor.on('line', listen)
  const spentBefore = processorTimes()
  await pause(durationMs)
  service.supervisor.off('line', listen)
  return [...processorTimes()].map(([name, spentMs]) => ({
    name,
    lines: lines.filter((line) => line === name).length,
    processorMs: spentMs - (spentBefore.get(name) ?? 0),
  }))
}

function processorTimes(): Map<string, number> {
  return new Map([...pidsOf(service)].map(([name, pid]) => [name, pid === undefined ? 0 : processorMs(pid)]))
}

// User and system time stand in hundredths of a second, twelve fields behind the name in parentheses.
function processorMs(pid: number): number {
  if (process.platform !== 'linux') return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\)\s/s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
