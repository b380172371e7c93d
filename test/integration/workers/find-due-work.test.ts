import { afterEach, expect, test, vi } from 'vitest'
import { listDueDrafts, listDueSubscriptions } from '../../../db/billing/due-work.ts'
import { finalizeDrafts } from '../../../db/billing/finalize-drafts.ts'
import { setDraftAside, setSubscriptionAside } from '../../../db/billing/set-aside.ts'
import { openQueueBackend, type QueueBackend } from '../../../queues/backend.ts'
import { Producer } from '../../../queues/producer.ts'
import { type Config, readConfig } from '../../../shared/config.ts'
import { findDueWork } from '../../../workers/issue-invoices/find-due-work.ts'
import { issueBills } from '../../../workers/issue-invoices/issue-bills.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'
import { testRedisUrl } from '../../support/redis.ts'
import { startWorkers } from '../../support/workers.ts'

let fixture: BillingFixture
let backend: QueueBackend
let producer: Producer
let config: Config

afterEach(async () => {
  // On Redis the tests of a file share a database.
  await Promise.all(producer.queues().map((queue) => queue.obliterate({ force: true })))
  await producer.close()
  await backend.close()
  await fixture.close()
})

async function open(frozenTime: string): Promise<void> {
  fixture = await createBillingFixture(frozenTime)
  config = readConfig({ DATABASE_URL: fixture.url, TABKEEPER_SECRET: 'secret', REDIS_URL: testRedisUrl() })
  backend = await openQueueBackend(config, fixture.pool)
  producer = new Producer(backend)
}

async function enqueuedTasks(): Promise<string[]> {
  const queue = producer.queues().find(({ name }) => name === 'issue-invoices')
  const jobs = (await queue?.getJobs(['wait', 'delayed', 'active'])) ?? []
  return jobs.map((job) => String(job.data.task)).sort()
}

async function subscribeNewCustomer(externalCustomerId: string): Promise<string> {
  await fixture.customer(externalCustomerId)
  return (await fixture.subscribe({ externalCustomerId, planCode: 'fee' })).id
}

test('a bill that cannot be written does not keep the drafts of its organization from becoming final', async () => {
  await open('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  await subscribeNewCustomer('billed')
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  const id = await subscribeNewCustomer('stuck')
  await fixture.pool.query(`update subscriptions set next_billing_at = '2026-02-01T00:40:00Z' where id = $1`, [id])
  await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-01T02:00:00Z', updated_at = now()`)
  await findDueWork(fixture.connection, producer)
  expect(await enqueuedTasks()).toEqual(['issue'])
  await fixture.pool.query(`update test_clocks set updated_at = now() - interval '11 minutes'`)
  await findDueWork(fixture.connection, producer)
  expect(await enqueuedTasks()).toEqual(['finalize', 'issue'])
})

test('on real time drafts become final while other bills fall due', async () => {
  await open('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  await subscribeNewCustomer('billed')
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  await subscribeNewCustomer('due')
  await fixture.pool.query(`update subscriptions set next_billing_at = '2026-02-01T00:40:00Z'`)
  await fixture.pool.query('delete from test_clocks')
  await findDueWork(fixture.connection, producer)
  expect(await enqueuedTasks()).toEqual(['finalize', 'issue'])
})

test('a clock that is moved while the look is at work bills nothing before usage is counted again', async () => {
  await open('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  await subscribeNewCustomer('acme')
  const backlog = producer.backlog.bind(producer)
  // What happens right after the count: usage is acknowledged, and then the clock is moved.
  producer.backlog = async (name) => {
    const counted = await backlog(name)
    await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-01T00:00:00Z', updated_at = now()`)
    return counted
  }
  await findDueWork(fixture.connection, producer)
  expect(await enqueuedTasks()).toEqual([])
})

test('what failed by itself is set aside for an hour, so that others are seen behind it', async () => {
  await open('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  const [failing, other] = [await subscribeNewCustomer('failing'), await subscribeNewCustomer('other')]
  await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-01T02:00:00Z'`)
  const now = Temporal.Now.instant()
  const listed = async (after: Temporal.DurationLike) => {
    const due = { now: now.add(after), liveDelaySeconds: 0, testClockDelaySeconds: 0, limit: 1 }
    return (await listDueSubscriptions(fixture.connection, due)).flatMap(({ ids }) => ids)
  }
  await fixture.pool.query(`update subscriptions set next_billing_at = '2026-01-15T00:00:00Z' where id = $1`, [failing])
  expect(await listed({ seconds: 1 })).toEqual([failing])
  const { connection, organizationId } = fixture
  await setSubscriptionAside(connection, { organizationId, id: failing, failedAt: now })
  expect(await listed({ seconds: 1 })).toEqual([other])
  expect(await listed({ hours: 1 })).toEqual([failing])
  await issueBills(connection, organizationId, [failing])
  await fixture.pool.query(`update subscriptions set next_billing_at = '2026-01-15T00:00:00Z' where id = $1`, [failing])
  expect(await listed({ seconds: 1 })).toEqual([failing])
})

test('a bill that another transaction held is written as soon as that lets it go', async () => {
  await open('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  const id = await subscribeNewCustomer('held')
  await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-01T02:00:00Z', updated_at = now()`)
  const holder = await fixture.pool.connect()
  await holder.query('begin')
  await holder.query('select from subscriptions where id = $1 for update', [id])
  await findDueWork(fixture.connection, producer)
  const workers = await startWorkers(config, ['issue-invoices'])
  try {
    await vi.waitFor(async () => expect(await enqueuedTasks()).not.toContain('issue'), { timeout: 10_000 })
    await holder.query('commit')
    await vi.waitFor(async () => expect(await fixture.invoices('held')).toHaveLength(1), { timeout: 10_000 })
  } finally {
    holder.release(true)
    await workers.stop()
  }
})

test('a draft is found only with its customer', async () => {
  await open('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  await subscribeNewCustomer('acme')
  await subscribeNewCustomer('other')
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  const [[draft], [foreign]] = [await fixture.invoices('acme'), await fixture.invoices('other')]
  const [id, own, others] = [draft?.id ?? '', [draft?.customerId ?? 0], [foreign?.customerId ?? 0]]
  const { connection, organizationId } = fixture
  const finalize = (customerIds: readonly number[]) =>
    fixture.within((transaction) =>
      finalizeDrafts(transaction, { organizationId, customerIds, invoiceIds: [id], onlyDue: false }),
    )
  await setDraftAside(connection, { organizationId, customerIds: others, id, failedAt: Temporal.Now.instant() })
  expect(await finalize(others)).toBe(0)
  await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-01T02:00:00Z'`)
  const due = { now: Temporal.Now.instant(), liveDelaySeconds: 0, testClockDelaySeconds: 0, limit: 9 }
  const [chunk] = await listDueDrafts(connection, due)
  expect(chunk?.ids).toContain(id)
  expect(new Set(chunk?.customerIds)).toEqual(new Set([...own, ...others]))
  expect(await finalize(own)).toBe(1)
})

test('so are drafts, and what has become final stays as it is', async () => {
  await open('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  await subscribeNewCustomer('acme')
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  const [draft] = await fixture.invoices('acme')
  const id = draft?.id ?? ''
  const customerIds = [draft?.customerId ?? 0]
  const { connection, organizationId } = fixture
  await setDraftAside(connection, { organizationId, customerIds, id, failedAt: Temporal.Now.instant() })
  await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-01T02:00:00Z'`)
  const due = { now: Temporal.Now.instant(), liveDelaySeconds: 0, testClockDelaySeconds: 0, limit: 9 }
  expect(await listDueDrafts(connection, due)).toEqual([])
  await fixture.within((transaction) =>
    finalizeDrafts(transaction, { organizationId, customerIds, invoiceIds: [id], onlyDue: true }),
  )
  const [final] = await fixture.invoices('acme')
  await setDraftAside(connection, { organizationId, customerIds, id, failedAt: Temporal.Now.instant() })
  expect(await fixture.invoices('acme')).toEqual([final])
})
