import { pino } from 'pino'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { cancelSubscription } from '../../../db/subscriptions/cancel-subscription.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import type { WorkerContext } from '../../../workers/context.ts'
import { listAfterEnd } from '../../../workers/rebuild-usage/list-after-end.ts'
import { resolveCustomers, retryUnprocessed } from '../../../workers/rebuild-usage/retry-unprocessed.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'
import { usageEvent } from '../../support/usage-event.ts'

let fixture: BillingFixture
let context: WorkerContext

const NOW = '2026-03-10T00:00:00Z'
const LATER = '2026-03-11T00:00:00Z'
const END = 'ffffffff-ffff-7fff-bfff-ffffffffffff'

beforeAll(async () => {
  fixture = await createBillingFixture(NOW)
  await fixture.plan({ code: 'p' })
  // Only what these jobs use of it.
  const { pool, connection } = fixture
  context = { pool, connection, log: pino({ level: 'silent' }) } as unknown as WorkerContext
})
afterAll(() => fixture.close())

const start = async (name: string) => {
  await fixture.customer(name)
  return await subscribe(name)
}
const subscribe = (name: string) =>
  fixture.subscribe({
    externalCustomerId: name,
    externalId: name,
    planCode: 'p',
    startedAt: Temporal.Instant.from(NOW),
  })

const use = (name: string, at: string, count = 1) => {
  const timestampMicros = Temporal.Instant.from(at).epochMilliseconds * 1000
  const about = { externalCustomerId: name, externalSubscriptionId: name, timestampMicros }
  const events = Array.from({ length: count }, () => ({ event: usageEvent(about), receivedAt: NOW }))
  return aggregateEvents(fixture.pool, fixture.organizationId, events)
}
const cancel = (id: string) =>
  fixture.within((transaction) => cancelSubscription(transaction, fixture.organizationId, id, 'now'))
const list = (id: string) => listAfterEnd(fixture.connection, fixture.organizationId, [id])

async function reasonsOf(name: string): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ line: string }>(
    `select reason || ' ' || count(*) as line from unprocessed_events join customers using (customer_id)
     where external_id = $1 group by reason order by reason`,
    [name],
  )
  return rows.map(({ line }) => line)
}

async function untold(reason: string): Promise<number> {
  const { rows } = await fixture.pool.query<{ count: string }>(
    'select unannounced_events as count from unprocessed_alerts where reason = $1',
    [reason],
  )
  return Number(rows[0]?.count ?? 0)
}

/** Counting gets as far as marking its customer, and waits there. */
async function holdCustomerMark(name: string): Promise<() => Promise<void>> {
  const client = await fixture.pool.connect()
  await client.query('begin')
  await client.query(
    `insert into touched_customers (customer_id, organization_id, touched_at)
     select customer_id, organization_id, now() from customers where external_id = $1
     on conflict (customer_id) do update set touched_at = now()`,
    [name],
  )
  let isHeld = true
  const release = async () => {
    if (!isHeld) return
    isHeld = false
    await client.query('rollback')
    client.release()
  }
  onTestFinished(release)
  return release
}

async function waitingForLocks(): Promise<number> {
  const { rows } = await fixture.pool.query<{ count: string }>(
    `select count(*) from pg_locks join pg_stat_activity using (pid)
     where not granted and datname = current_database()`,
  )
  return Number(rows[0]?.count)
}

test('more than a page is listed once, told of once, and nothing of others', async () => {
  const { id } = await start('many')
  await start('spared')
  await use('many', LATER, 6_000)
  await use('spared', LATER, 10)
  await cancel(id)
  const before = await untold('subscription_not_running')
  expect([await list(id), await list(id)]).toEqual([6_000, 0])
  expect([await reasonsOf('many'), await reasonsOf('spared')]).toEqual([['subscription_not_running 6000'], []])
  expect(await untold('subscription_not_running')).toBe(before + 6_000)
})

test('an event that is being counted while its subscription ends is listed all the same', async () => {
  const { id } = await start('overtaken')
  const release = await holdCustomerMark('overtaken')
  const counted = use('overtaken', LATER)
  await expect.poll(waitingForLocks).toBe(1)
  await cancel(id)
  const listed = list(id)
  // None has to wait for the look.
  await use('someone else', LATER)
  expect(await Promise.race([listed, Promise.resolve('waits')])).toBe('waits')
  await release()
  await counted
  expect([await listed, await reasonsOf('overtaken')]).toEqual([1, ['subscription_not_running 1']])
})

test('an event that is being counted while its subscription is registered is settled all the same', async () => {
  await fixture.customer('early')
  const release = await holdCustomerMark('early')
  const counted = use('early', LATER)
  await expect.poll(waitingForLocks).toBe(1)
  await subscribe('early')
  const { rows } = await fixture.pool.query<{ id: string }>(`select id from customers where external_id = 'early'`)
  const resolved = resolveCustomers(context, fixture.organizationId, [rows[0]?.id ?? ''])
  await release()
  await counted
  expect([await resolved, await reasonsOf('early')]).toEqual([1, []])
})

test('a retry gives what a subscription does not pay for the reason of now, and tells of it', async () => {
  await fixture.customer('retried')
  await use('retried', '2026-03-09T00:00:00Z', 2)
  await use('retried', LATER, 3)
  await subscribe('retried')
  expect(await reasonsOf('retried')).toEqual(['subscription_not_found 5'])
  const before = await untold('subscription_not_running')
  const request = { upTo: END, externalCustomerId: 'retried' }
  const settled = [1, 2].map(() => retryUnprocessed(context, fixture.organizationId, request))
  expect((await Promise.all(settled)).toSorted((one, other) => one - other)).toEqual([0, 3])
  expect(await reasonsOf('retried')).toEqual(['subscription_not_running 2'])
  expect(await untold('subscription_not_running')).toBe(before + 2)
})
