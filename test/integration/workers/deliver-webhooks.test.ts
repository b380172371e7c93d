import { Pool } from 'pg'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { RETRY_DELAYS_SECONDS } from '../../../shared/webhooks/judge-attempt.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'

let api: TestApi
let owner: Pool
let receiver: WebhookReceiver
let workers: RunningWorkers[]

beforeAll(async () => {
  api = await startApi({ WEBHOOK_PRIVATE_ADDRESSES: 'allow' })
  owner = new Pool({ connectionString: api.config.databaseUrl, options: '-c search_path=tabkeeper' })
  receiver = await startWebhookReceiver()
  // Two of each, as two machines would run them.
  workers = await Promise.all(
    [1, 2].map(() => startWorkers(api.config, ['relay-outbox', 'deliver-webhooks'], 'of service')),
  )
})
afterAll(async () => {
  // First, so that no worker waits for an answer that a test has left hanging.
  await receiver.stop()
  await Promise.all(workers.map((running) => running.stop()))
  await owner.end()
  await api.stop()
})
// What a test left unfinished is no matter of the next.
afterEach(() => owner.query('delete from webhook_endpoints'))

let paths = 0
// A bound for a busy machine; what is awaited comes within moments.
const SOON = { timeout: 15_000, interval: 20 }

/** An organization with one endpoint at a path of its own. */
async function subscriber(
  fields: Record<string, unknown> = {},
): Promise<{ client: ApiClient; path: string; endpoint: { id: string; secret: string } }> {
  const client = await api.client()
  const { path, endpoint } = await addEndpoint(client, fields)
  return { client, path, endpoint }
}

async function addEndpoint(client: ApiClient, fields: Record<string, unknown> = {}) {
  const path = `/${++paths}`
  const { body } = await client.post('/webhook_endpoints', { url: `${receiver.url}${path}`, ...fields })
  return { path, endpoint: body as { id: string; secret: string } }
}

const arrived = (path: string, count: number) => expect.poll(() => receiver.received(path).length, SOON).toBe(count)

async function messageOf(client: ApiClient, filter = '') {
  const { body } = await client.get(`/webhook_messages?limit=1${filter}`)
  return body.data[0]
}

const deliveryStatus = (client: ApiClient, expected: string, filter = '') =>
  expect.poll(async () => (await messageOf(client, filter))?.deliveries[0]?.status, SOON).toBe(expected)

/** Time passes for everything that waits, without anybody waiting for it. */
async function makeDue(): Promise<void> {
  await owner.query(`update webhook_deliveries set next_attempt_at = now() where status = 'pending'`)
}

test('a change arrives, signed so that an independent verifier of Standard Webhooks takes it', async () => {
  const { client, path, endpoint } = await subscriber()
  const customer = await client.post('/customers', { external_id: 'acme', name: 'Acme', currency: 'EUR' })
  await arrived(path, 1)
  const [request] = receiver.received(path)
  const payload = new Webhook(endpoint.secret).verify(request?.body ?? '', request?.headers as Record<string, string>)
  expect(payload).toEqual({
    type: 'customer.created',
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    data: {
      customer_id: customer.body.id,
      external_customer_id: 'acme',
      name: 'Acme',
      currency: 'EUR',
      time_zone: null,
    },
  })
  expect(request?.headers['content-type']).toBe('application/json')
  await deliveryStatus(client, 'delivered')
  const message = await messageOf(client)
  expect(message).toEqual({
    id: request?.headers['webhook-id'],
    type: 'customer.created',
    payload,
    created_at: expect.any(String),
    deliveries: [
      {
        webhook_endpoint_id: endpoint.id,
        url: `${receiver.url}${path}`,
        status: 'delivered',
        next_attempt_at: null,
        attempts: [
          { started_at: expect.any(String), finished_at: expect.any(String), response_status: 204, error: null },
        ],
      },
    ],
  })
  expect((await client.get(`/webhook_messages/${message.id}`)).body).toEqual(message)
})

test('an invoice is told with its number and its amounts', async () => {
  const { client, path } = await subscriber({ event_types: ['invoice.finalized'] })
  const clock = await client.post('/test_clocks', { frozen_time: '2026-01-01T00:00:00Z' })
  await client.post('/plans/', {
    code: 'p',
    name: 'P',
    interval: 'monthly',
    amount_cents: 1200,
    currency: 'EUR',
    pay_in_advance: true,
  })
  await client.post('/customers', { external_id: 'c' })
  await client.post('/subscriptions', { external_customer_id: 'c', plan_code: 'p', external_id: 's' })
  const billing = await startWorkers(api.config, ['run-lifecycle', 'issue-invoices'])
  try {
    const drafts = async () => (await client.get('/invoices')).body.data
    await expect.poll(async () => (await drafts()).length, SOON).toBe(1)
    const [{ id }] = await drafts()
    const { body: invoice } = await client.post(`/invoices/${id}/finalize`)
    await arrived(path, 1)
    const { type, data } = JSON.parse(receiver.received(path)[0]?.body ?? '')
    const {
      lines: _lines,
      id: invoice_id,
      issuer_code: _issuer,
      finalize_at: _at,
      payment_status: _p,
      ...told
    } = invoice
    expect({ type, data }).toEqual({ type: 'invoice.finalized', data: { invoice_id, ...told } })
    expect(data).toMatchObject({ number: 'INV-000001', total_cents: 1200, currency: 'EUR' })
    expect(clock.status).toBe(201)
  } finally {
    await billing.stop()
  }
})

test('an endpoint hears only of the types it asks for, and of those of its organization', async () => {
  const { client, path } = await subscriber({ event_types: ['plan.created'] })
  const all = await addEndpoint(client)
  const off = await addEndpoint(client, { enabled: false })
  const stranger = await subscriber()
  await client.post('/customers', { external_id: 'c' })
  await client.post('/plans/', { code: 'p', name: 'P', interval: 'monthly' })
  await arrived(all.path, 2)
  await arrived(path, 1)
  expect(JSON.parse(receiver.received(path)[0]?.body ?? '').type).toBe('plan.created')
  expect([receiver.received(off.path), receiver.received(stranger.path)]).toEqual([[], []])
  expect((await client.get('/webhook_messages')).body.data).toHaveLength(2)
  expect((await client.get('/webhook_messages?type=plan.created')).body.data).toHaveLength(1)
  expect((await client.get(`/webhook_messages?webhook_endpoint_id=${off.endpoint.id}`)).body.data).toEqual([])
  expect((await stranger.client.get('/webhook_messages')).body.data).toEqual([])
})

test('two workers at once send each message once', async () => {
  const { client, path } = await subscriber()
  await Promise.all(Array.from({ length: 60 }, (_, n) => client.post('/customers', { external_id: `c-${n}` })))
  await arrived(path, 60)
  const statuses = async () => (await client.get('/webhook_messages?limit=100&status=delivered')).body.data.length
  await expect.poll(statuses, SOON).toBe(60)
  const ids = receiver.received(path).map(({ headers }) => headers['webhook-id'])
  expect(new Set(ids).size).toBe(60)
  expect(ids).toHaveLength(60)
})

test('what is not taken is sent again under the same id, until it is', async () => {
  const { client, path, endpoint } = await subscriber()
  receiver.answer(path, 500)
  await client.post('/customers', { external_id: 'c' })
  await deliveryStatus(client, 'pending')
  await expect.poll(async () => (await messageOf(client)).deliveries[0].attempts[0]?.response_status, SOON).toBe(500)
  const [delivery] = (await messageOf(client)).deliveries
  const [attempt] = delivery.attempts
  const pauseMs = Date.parse(delivery.next_attempt_at) - Date.parse(attempt.finished_at)
  expect(pauseMs).toBeGreaterThanOrEqual(5_000)
  expect(pauseMs).toBeLessThanOrEqual(6_000)
  expect((await client.get(`/webhook_endpoints/${endpoint.id}`)).body.failing_since).not.toBeNull()
  receiver.answer(path, 200)
  await makeDue()
  await deliveryStatus(client, 'delivered')
  const requests = receiver.received(path)
  expect(requests).toHaveLength(2)
  expect(new Set(requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  expect(new Set(requests.map(({ body }) => body)).size).toBe(1)
  expect((await client.get(`/webhook_endpoints/${endpoint.id}`)).body.failing_since).toBeNull()
})

test('a redirect is not followed and counts as a failure', async () => {
  const { client, path } = await subscriber()
  receiver.answer(path, 302)
  await client.post('/customers', { external_id: 'c' })
  await expect.poll(async () => (await messageOf(client))?.deliveries[0].attempts[0]?.error, SOON).toBe('answered 302')
  expect(receiver.received('/elsewhere')).toEqual([])
})

test('after the last retry a delivery has failed; resending it starts anew', async () => {
  const { client, path } = await subscriber()
  receiver.answer(path, 503)
  await client.post('/customers', { external_id: 'c' })
  await arrived(path, 1)
  await owner.query(`update webhook_deliveries set failures = $1`, [RETRY_DELAYS_SECONDS.length])
  await expect
    .poll(async () => {
      await makeDue()
      return (await messageOf(client)).deliveries[0].status
    }, SOON)
    .toBe('failed')
  const message = await messageOf(client, '&status=failed')
  expect(message.deliveries[0].next_attempt_at).toBeNull()
  receiver.answer(path, 204)
  const resent = await client.post(`/webhook_messages/${message.id}/resend`, {})
  expect(resent.status).toBe(202)
  await deliveryStatus(client, 'delivered')
  expect(new Set(receiver.received(path).map(({ headers }) => headers['webhook-id'])).size).toBe(1)
})

test('a delivered message can be sent again, also to an endpoint that came later', async () => {
  const { client, path } = await subscriber()
  await client.post('/customers', { external_id: 'c' })
  await deliveryStatus(client, 'delivered')
  const { id } = await messageOf(client)
  const later = await addEndpoint(client, { event_types: ['plan.created'] })
  await client.post(`/webhook_messages/${id}/resend`, { webhook_endpoint_id: later.endpoint.id })
  await arrived(later.path, 1)
  await client.post(`/webhook_messages/${id}/resend`)
  await arrived(path, 2)
  expect(receiver.received(later.path)).toHaveLength(1)
  await client.patch(`/webhook_endpoints/${later.endpoint.id}`, { enabled: false })
  const refused = await client.post(`/webhook_messages/${id}/resend`, { webhook_endpoint_id: later.endpoint.id })
  expect([refused.status, refused.body.code]).toEqual([409, 'webhook_endpoint_disabled'])
})

test('for a day after a rotation both secrets sign, then only the new one', async () => {
  const { client, path, endpoint } = await subscriber()
  const { body } = await client.post(`/webhook_endpoints/${endpoint.id}/rotate_secret`)
  const verifies = (secret: string, at: number) => {
    const request = receiver.received(path)[at]
    try {
      new Webhook(secret).verify(request?.body ?? '', request?.headers as Record<string, string>)
      return true
    } catch {
      return false
    }
  }
  await client.post('/customers', { external_id: 'c' })
  await arrived(path, 1)
  expect([verifies(endpoint.secret, 0), verifies(body.secret, 0)]).toEqual([true, true])
  await owner.query(`update webhook_endpoints set previous_secret_ends_at = now()`)
  await client.post('/customers', { external_id: 'd' })
  await arrived(path, 2)
  expect([verifies(endpoint.secret, 1), verifies(body.secret, 1)]).toEqual([false, true])
})

test('an endpoint that says it is gone gets nothing more', async () => {
  const { client, path, endpoint } = await subscriber()
  receiver.answer(path, 410)
  await client.post('/customers', { external_id: 'c' })
  const ofCustomers = '&type=customer.created'
  await deliveryStatus(client, 'failed', ofCustomers)
  const { body } = await client.get(`/webhook_endpoints/${endpoint.id}`)
  expect(body).toMatchObject({ enabled: false, disabled_reason: 'gone' })
  await client.post('/customers', { external_id: 'd' })
  await expect
    .poll(async () => (await client.get(`/webhook_messages?limit=9${ofCustomers}`)).body.data.length, SOON)
    .toBe(2)
  expect((await messageOf(client, ofCustomers)).deliveries).toEqual([])
  expect(receiver.received(path)).toHaveLength(1)
})

test('an endpoint where nothing has arrived for five days is disabled; enabled again, it gets what waited', async () => {
  const { client, path, endpoint } = await subscriber()
  receiver.answer(path, 500)
  await client.post('/customers', { external_id: 'c' })
  await arrived(path, 1)
  const read = async () => (await client.get(`/webhook_endpoints/${endpoint.id}`)).body
  await expect.poll(async () => (await read()).failing_since, SOON).not.toBeNull()
  expect(await read()).toMatchObject({ enabled: true })
  await owner.query(`update webhook_endpoints set failing_since = now() - interval '5 days'`)
  await makeDue()
  await expect.poll(async () => (await read()).disabled_reason, SOON).toBe('failing')
  expect(receiver.received(path)).toHaveLength(2)
  receiver.answer(path, 200)
  await makeDue()
  await client.patch(`/webhook_endpoints/${endpoint.id}`, { enabled: true })
  await deliveryStatus(client, 'delivered', '&type=customer.created')
})

test('that an endpoint was given up is told to the others, once, and not to itself', async () => {
  const { client, path } = await subscriber()
  const { path: failing, endpoint } = await addEndpoint(client, { description: 'Billing', event_types: null })
  receiver.answer(failing, 500)
  await client.post('/customers', { external_id: 'c' })
  await arrived(failing, 1)
  const failingSince = '2026-01-02T03:04:05Z'
  await expect
    .poll(async () => (await client.get(`/webhook_endpoints/${endpoint.id}`)).body.failing_since, SOON)
    .not.toBeNull()
  await owner.query('update webhook_endpoints set failing_since = $1 where id = $2', [failingSince, endpoint.id])
  await makeDue()
  await arrived(path, 2)
  expect(JSON.parse(receiver.received(path)[1]?.body ?? '')).toEqual({
    type: 'webhook_endpoint.disabled',
    timestamp: expect.any(String),
    data: {
      webhook_endpoint_id: endpoint.id,
      description: 'Billing',
      disabled_reason: 'failing',
      failing_since: failingSince,
    },
  })
  expect(receiver.received(failing)).toHaveLength(2)
  // By hand it is no news.
  await client.patch(`/webhook_endpoints/${endpoint.id}`, { enabled: true })
  await client.patch(`/webhook_endpoints/${endpoint.id}`, { enabled: false })
  await client.post('/customers', { external_id: 'd' })
  await arrived(path, 3)
  expect(JSON.parse(receiver.received(path)[2]?.body ?? '').type).toBe('customer.created')
})

test('endpoints that do not answer hold up no other', async () => {
  const { client, path } = await subscriber()
  const dead = await Promise.all(Array.from({ length: 6 }, () => addEndpoint(client)))
  for (const { path: silent } of dead) receiver.answer(silent, 'hang')
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 40 }, (_, n) => client.post('/customers', { external_id: `c-${n}` })))
  await arrived(path, 40)
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  // Each has its share of what is under way at once, and the rest of its messages waits.
  const waiting = dead.map(({ path: silent }) => receiver.received(silent).length)
  expect(Math.min(...waiting)).toBeGreaterThan(0)
  expect(Math.max(...waiting)).toBeLessThanOrEqual(8)
})

test('a delivery whose process died is sent again, and what that process still says counts for nothing', async () => {
  const { client, path } = await subscriber()
  receiver.answer(path, 'hang')
  await client.post('/customers', { external_id: 'c' })
  await arrived(path, 1)
  receiver.answer(path, 204)
  await owner.query(`update webhook_deliveries set next_attempt_at = now() where status = 'sending'`)
  await deliveryStatus(client, 'delivered')
  const [delivery] = (await messageOf(client)).deliveries
  expect(delivery.attempts.map((attempt: { response_status: number | null }) => attempt.response_status)).toEqual([
    null,
    204,
  ])
})
