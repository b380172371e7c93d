import { afterEach, expect, test } from 'vitest'
import { openQueueBackend, type QueueBackend } from '../../../queues/backend.ts'
import { Producer } from '../../../queues/producer.ts'
import { readConfig } from '../../../shared/config.ts'
import { findDueWork } from '../../../workers/issue-invoices/find-due-work.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'
import { testRedisUrl } from '../../support/redis.ts'

let fixture: BillingFixture
let backend: QueueBackend
let producer: Producer

afterEach(async () => {
  // On Redis the tests of a file share a database.
  await Promise.all(producer.queues().map((queue) => queue.obliterate({ force: true })))
  await producer.close()
  await backend.close()
  await fixture.close()
})

async function open(frozenTime: string): Promise<void> {
  fixture = await createBillingFixture(frozenTime)
  const config = readConfig({ DATABASE_URL: fixture.url, TABKEEPER_SECRET: 'secret', REDIS_URL: testRedisUrl() })
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
