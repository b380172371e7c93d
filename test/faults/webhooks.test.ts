import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdWritesTo } from '../support/faults-locks.ts'
import { type FaultyService, startFaultyService } from '../support/faults-service.ts'
import { until } from '../support/faults-until.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts'

let service: FaultyService
let receiver: WebhookReceiver

beforeAll(async () => {
  receiver = await startWebhookReceiver()
  service = await startFaultyService({ environment: { WEBHOOK_PRIVATE_ADDRESSES: 'allow' } })
})
afterAll(async () => {
  await service?.stop()
  await receiver?.stop()
})

const ids = (path: string) => receiver.received(path).map(({ headers }) => headers['webhook-id'])
const register = (name: string) => service.client.post('/v1/customers', { external_id: name, name })
const subscribe = (path: string) => service.client.post('/v1/webhook_endpoints', { url: `${receiver.url}${path}` })

async function countDeliveries(path: string, status: string): Promise<number> {
  const { rows } = await service.pool.query<{ count: string }>(
    `select count(*) from webhook_deliveries d join webhook_endpoints e on e.id = d.webhook_endpoint_id
     where e.url = $1 and d.status = $2`,
    [`${receiver.url}${path}`, status],
  )
  return Number(rows[0]?.count)
}

test('a worker that dies between the request and its record leaves a message that is sent again under its id', async () => {
  await subscribe('/once')
  receiver.answer('/once', 'hang')
  await register('one')
  await until('it is sent', () => ids('/once').length === 1)
  const barrier = await holdWritesTo(service.pool, 'tabkeeper.webhook_deliveries')
  receiver.release('/once')
  await barrier.reached('update "webhook_deliveries"')
  await service.kill('deliver-webhooks')
  await barrier.lift()
  expect(await countDeliveries('/once', 'sending')).toBe(1)
  receiver.answer('/once', 204)
  // The lease runs out; nobody waits a minute for it here.
  await service.pool.query(`update webhook_deliveries set next_attempt_at = now() where status = 'sending'`)
  await until('it is delivered', async () => (await countDeliveries('/once', 'delivered')) === 1)
  expect(ids('/once')).toHaveLength(2)
  expect(new Set(ids('/once')).size).toBe(1)
})

test('every change arrives, though relay and worker die while they are made and sent', async () => {
  await subscribe('/many')
  const names = Array.from({ length: 200 }, (_, index) => `many-${index}`)
  const making = Promise.all(names.map(register))
  await service.kill('deliver-webhooks')
  await service.kill('relay-outbox')
  await making
  await service.kill('deliver-webhooks')
  await until('all were written', async () => (await countMessages()) === 201)
  await service.pool.query(`update webhook_deliveries set next_attempt_at = now() where status = 'sending'`)
  await until('all are delivered', async () => (await countDeliveries('/many', 'delivered')) === 200)
  const told = receiver
    .received('/many')
    .map(({ body }) => (JSON.parse(body) as { data: { external_customer_id: string } }).data.external_customer_id)
  expect([...new Set(told)].toSorted()).toEqual(names.toSorted())
})

async function countMessages(): Promise<number> {
  const { rows } = await service.pool.query<{ count: string }>(
    'select count(*) from webhook_messages where body is not null',
  )
  return Number(rows[0]?.count)
}
