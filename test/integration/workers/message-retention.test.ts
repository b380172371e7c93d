import { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { realNow } from '../../../db/clock.ts'
import { deleteExpiredMessages } from '../../../db/webhooks/expired-messages.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'

let api: TestApi
let owner: Pool
let receiver: WebhookReceiver
let client: ApiClient
let workers: RunningWorkers

const SOON = { timeout: 15_000, interval: 20 }

beforeAll(async () => {
  api = await startApi({ WEBHOOK_PRIVATE_ADDRESSES: 'allow', WEBHOOK_RETENTION_DAYS: '7' })
  owner = new Pool({ connectionString: api.config.databaseUrl, options: '-c search_path=tabkeeper' })
  receiver = await startWebhookReceiver()
  client = await api.client()
  await start()
})
afterAll(async () => {
  await workers.stop()
  await owner.end()
  await receiver.stop()
  await api.stop()
})

async function start(): Promise<void> {
  workers = await startWorkers(api.config, ['relay-outbox', 'deliver-webhooks'])
}

async function listen(path: string): Promise<string> {
  return (await client.post('/webhook_endpoints', { url: `${receiver.url}${path}` })).body.id
}

/** Creates a customer, and answers with the id of the message that tells of it once its deliveries are as expected. */
async function tell(externalId: string, ...statuses: string[]): Promise<string> {
  const customer = await client.post('/customers', { external_id: externalId })
  const find = async () => {
    const { rows } = await owner.query<{ id: string; statuses: string[] }>(
      `select message.id, array_agg(delivery.status order by delivery.id) as statuses from webhook_messages message
       join outbox on outbox.id = outbox_id join webhook_deliveries delivery on webhook_message_id = message.id
       where payload ->> 'customer_id' = $1 group by message.id`,
      [customer.body.id],
    )
    return rows[0]
  }
  await expect.poll(async () => (await find())?.statuses, SOON).toEqual(statuses)
  return (await find())?.id ?? ''
}

async function makeOld(ids: readonly string[], age = '8 days'): Promise<void> {
  await owner.query(`update webhook_messages set created_at = now() - $2::interval where id = any($1::uuid[])`, [
    ids,
    age,
  ])
  await owner.query(
    `update webhook_deliveries set updated_at = now() - $2::interval where webhook_message_id = any($1::uuid[])`,
    [ids, age],
  )
  await owner.query(
    `update outbox set relayed_at = now() - $2::interval where id in
     (select outbox_id from webhook_messages where id = any($1::uuid[]))`,
    [ids, age],
  )
}

async function rest(table: string): Promise<number> {
  return (await owner.query<{ count: number }>(`select count(*)::int from ${table}`)).rows[0]?.count ?? -1
}

async function messages(): Promise<string[]> {
  const { body } = await client.get('/webhook_messages?limit=100')
  return body.data.map(({ id }: { id: string }) => id).toSorted()
}

test('what has arrived everywhere is deleted when it was kept long enough, and nothing else', async () => {
  await listen('/a')
  const old = [await tell('old', 'delivered'), await tell('older', 'delivered')]
  const young = await tell('young', 'delivered')
  const resent = await tell('resent', 'delivered')
  await listen('/b')
  receiver.answer('/b', 500)
  const waiting = await tell('waiting', 'delivered', 'pending')
  const failed = await tell('failed', 'delivered', 'pending')
  await owner.query(
    `update webhook_deliveries set status = 'failed', next_attempt_at = null
     where webhook_message_id = $1 and status = 'pending'`,
    [failed],
  )
  await makeOld([...old, resent, waiting, failed])
  await makeOld([young], '6 days')
  await owner.query('update webhook_deliveries set updated_at = now() where webhook_message_id = $1', [resent])
  // An announcement that makes no message goes by itself.
  await workers.stop()
  await owner.query(
    `insert into outbox (organization_id, topic, payload, created_at, relayed_at)
     select organization_id, 'test_clock.ready', '{}', now() - interval '1 year', now() - interval '8 days'
     from organizations limit 1`,
  )
  const announcements = await rest('outbox')
  const attempts = await rest('webhook_attempts')
  await start()
  await expect.poll(messages, SOON).toEqual([young, resent, waiting, failed].toSorted())
  await expect.poll(() => rest('outbox'), SOON).toBe(announcements - 3)
  expect(attempts - (await rest('webhook_attempts'))).toBe(2)
})

test('a batch takes the oldest and no more than it may', async () => {
  const ids = (await messages()).slice(0, 2)
  await owner.query(`update webhook_deliveries set status = 'delivered', next_attempt_at = null`)
  await makeOld(ids.slice(0, 1), '30 days')
  await makeOld(ids.slice(1), '29 days')
  const expiry = { before: realNow().subtract({ hours: 24 * 20 }), limit: 1 }
  expect(await deleteExpiredMessages(workers.context.connection, expiry)).toBe(1)
  expect(await messages()).not.toContain(ids[0])
  expect(await messages()).toContain(ids[1])
})
