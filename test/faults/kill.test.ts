import { afterAll, beforeAll, expect, test } from 'vitest'
import { closePeriods } from '../../cli/demo/close-periods.ts'
import { findDifferences } from '../../cli/demo/compare-invoices.ts'
import { expectedInvoices } from '../../cli/demo/expected-invoices.ts'
import { inParallel } from '../../cli/demo/in-parallel.ts'
import { openAccounts } from '../../cli/demo/open-accounts.ts'
import { findInvoiceFaults, findUsageFaults, untilQueuesAreEmpty } from '../support/faults-audit.ts'
import { holdWritesTo, type WriteBarrier } from '../support/faults-locks.ts'
import { Killer, RECOVERY_WITHIN_MS } from '../support/faults-recovery.ts'
import { type Fault, replayWithFaults } from '../support/faults-replay.ts'
import { AFTER_BOTH_MONTHS, faultScenario } from '../support/faults-scenario.ts'
import { type FaultyService, pidsOf, startFaultyService } from '../support/faults-service.ts'
import { until } from '../support/faults-until.ts'
import { expectVerified } from '../support/tabkeeper.ts'

const REQUESTS = 24_000
const LATE_CUSTOMERS = 60

const scenario = faultScenario({ requests: REQUESTS, customers: 180 })
let service: FaultyService
let clockId: string

beforeAll(async () => {
  service = await startFaultyService({ postgres: 'own' })
  clockId = await openAccounts(service.client, scenario)
  await openLateAccounts()
})

afterAll(() => service?.stop())

test('an acknowledged event counts exactly once, whatever is killed while it is on its way', async () => {
  const killer = new Killer(service)
  const { repeatedRequests } = await replayWithFaults(service, scenario, [
    aggregationDiesInItsTransaction(0.1, killer),
    aggregationDiesBetweenItsCommitAndTheEndOfTheJob(0.25, killer),
    webDiesBetweenQueueAndAnswer(0.4, killer),
    postgresDiesUnderATransaction(0.55, killer),
    aggregationDiesInItsTransaction(0.7, killer),
    { at: 0.85, strike: () => (service.redis === undefined ? killPostgres(killer) : killRedis(killer)) },
  ])
  const reports = await killer.reports()
  console.table(reports)
  await untilAllIsCounted()
  expect(repeatedRequests).toBeGreaterThan(0)
  expect(await findUsageFaults(service.pool, REQUESTS)).toEqual([])
  await expectVerified(service.databaseUrl)
  await untilQueuesAreEmpty(service)
  expectEverythingRuns()
  expect(Math.max(...reports.map(({ recoveredMs }) => recoveredMs))).toBeLessThan(RECOVERY_WITHIN_MS)
})

test('a subscription gets one invoice per period, gapless and posted, whatever is killed while they are written', async () => {
  const killer = new Killer(service)
  const lifecycle = await holdWritesTo(service.pool, 'tabkeeper.subscriptions')
  const closing = closePeriods(service.client, clockId, AFTER_BOTH_MONTHS)
  await behind(lifecycle, async () => {
    await lifecycle.reached('update subscriptions set status')
    await killer.killWorker('run-lifecycle')
    await lifecycle.reached('update subscriptions set current_period_start')
    await killer.killWorker('issue-invoices')
  })
  await killRelayBetweenJobsAndMark(killer)
  // The worker dies last: the time it takes to recover is that of one death.
  for (const kill of [() => killPostgres(killer), () => killer.killWorker('issue-invoices')]) {
    const numbering = await holdWritesTo(service.pool, 'tabkeeper.issuers')
    await behind(numbering, async () => {
      await numbering.reached('last_invoice_number +')
      await kill()
    })
  }
  const invoices = await closing
  const reports = await killer.reports()
  console.table(reports)
  const late = invoices.filter((invoice) => invoice.external_customer_id.startsWith('late'))
  const regular = invoices.filter((invoice) => !late.includes(invoice))
  expect(findDifferences(expectedInvoices(scenario), regular)).toEqual([])
  expect(late.map((invoice) => [invoice.period_start.slice(0, 10), invoice.total_cents])).toEqual(
    Array.from({ length: LATE_CUSTOMERS }, () => ['2023-12-01', 1000]),
  )
  await untilQueuesAreEmpty(service)
  await until('all is announced', async () => (await countUnrelayed()) === 0)
  expect(await findInvoiceFaults(service.pool)).toEqual([])
  await expectVerified(service.databaseUrl)
  expectEverythingRuns()
  expect(Math.max(...reports.map(({ recoveredMs }) => recoveredMs))).toBeLessThan(RECOVERY_WITHIN_MS)
})

/** The job runs again with all of its events. */
function aggregationDiesInItsTransaction(at: number, killer: Killer): Fault {
  return behindBarrier(at, killer, 'tabkeeper.usage_rollups', async (barrier) => {
    await barrier.reached('insert into usage_rollups')
    await killer.killWorker('aggregate-usage')
  })
}

/** The job runs again, and every event of it is known already. */
function aggregationDiesBetweenItsCommitAndTheEndOfTheJob(at: number, killer: Killer): Fault {
  return behindBarrier(at, killer, 'tabkeeper.usage_rollups', async (barrier) => {
    await barrier.reached('insert into usage_rollups')
    const held = await service.listHeldJobs('aggregate-usage')
    const countedBefore = await countEvents()
    const resume = await holdQueues()
    try {
      await barrier.lift()
      await until('a transaction is committed', async () => (await countEvents()) > countedBefore)
      await killer.killWorker('aggregate-usage', held)
    } finally {
      await resume()
    }
  })
}

/** The client does not learn that its events are in the queue, and sends them again. */
function webDiesBetweenQueueAndAnswer(at: number, killer: Killer): Fault {
  const strike = async () => {
    const resume = await holdQueues()
    try {
      await killer.killServer('web', isServed)
    } finally {
      await resume()
    }
  }
  return { at, strike }
}

function postgresDiesUnderATransaction(at: number, killer: Killer): Fault {
  return behindBarrier(at, killer, 'tabkeeper.usage_rollups', async (barrier) => {
    await barrier.reached('insert into usage_rollups')
    await killPostgres(killer)
  })
}

// The kills before are recovered from by then, so that no job is held by two killed workers one after the other.
function behindBarrier(
  at: number,
  killer: Killer,
  table: string,
  deed: (barrier: WriteBarrier) => Promise<void>,
): Fault {
  let barrier: WriteBarrier | undefined
  const prepare = async () => {
    await killer.reports()
    barrier = await holdWritesTo(service.pool, table)
  }
  return { at, prepare, strike: () => behind(barrier as WriteBarrier, () => deed(barrier as WriteBarrier)) }
}

async function behind(barrier: WriteBarrier, deed: () => Promise<void>): Promise<void> {
  try {
    await deed()
  } finally {
    await barrier.lift()
  }
}

async function killPostgres(killer: Killer): Promise<void> {
  await killer.killServer('postgres', isServed)
}

async function killRedis(killer: Killer): Promise<void> {
  await killer.killServer('redis', isServed, async () => {
    await service.redis?.kill()
    await service.redis?.start()
  })
}

// Held back before it sees what there is to relay, so that it finds at least this announcement.
async function killRelayBetweenJobsAndMark(killer: Killer): Promise<void> {
  const relay = pidsOf(service).get('relay-outbox') as number
  process.kill(relay, 'SIGSTOP')
  let barrier: WriteBarrier
  try {
    await service.client.post('/v1/customers', { external_id: 'announced', name: 'Announced' })
    barrier = await holdWritesTo(service.pool, 'tabkeeper.outbox')
  } finally {
    process.kill(relay, 'SIGCONT')
  }
  await behind(barrier, async () => {
    await barrier.reached('update "outbox"')
    await killer.killWorker('relay-outbox')
  })
}

// Nothing is added, taken or finished until the function that it answers is called.
async function holdQueues(): Promise<() => Promise<void>> {
  if (service.redis !== undefined) return await service.redis.pauseWrites()
  const barrier = await holdWritesTo(service.pool, 'bullmq.job')
  return () => barrier.lift()
}

async function isServed(): Promise<boolean> {
  const answer = await fetch(`${service.url}/readyz`).catch(() => undefined)
  return answer?.status === 200
}

async function untilAllIsCounted(): Promise<void> {
  await until(
    'every acknowledged event is counted',
    async () => (await service.producer.backlog('aggregate-usage')) === 0,
  )
}

async function countEvents(): Promise<number> {
  const { rows } = await service.pool.query<{ count: string }>('select count(*) from usage_events')
  return Number(rows[0]?.count)
}

async function countUnrelayed(): Promise<number> {
  const { rows } = await service.pool.query<{ count: string }>('select count(*) from outbox where relayed_at is null')
  return Number(rows[0]?.count)
}

function expectEverythingRuns(): void {
  expect([...pidsOf(service)].filter(([, pid]) => pid === undefined)).toEqual([])
}

// Their subscriptions start while the clock advances, so that the lifecycle has work.
async function openLateAccounts(): Promise<void> {
  const plan = { code: 'late', name: 'Late', currency: 'USD', amount_cents: 1000, interval: 'monthly' }
  await service.client.post('/v1/plans/', plan)
  const names = Array.from({ length: LATE_CUSTOMERS }, (_, index) => `late-${index}`)
  await inParallel(names, 8, async (name) => {
    await service.client.post('/v1/customers', { external_id: name, name })
    const subscription = { external_customer_id: name, plan_code: plan.code, started_at: '2023-12-01T00:00:00Z' }
    await service.client.post('/v1/subscriptions', subscription)
  })
}
