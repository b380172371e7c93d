import { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../../support/webhook-receiver.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'

let api: TestApi
let owner: Pool
let receiver: WebhookReceiver
let workers: RunningWorkers

const SOON = { timeout: 15_000, interval: 20 }

beforeAll(async () => {
  api = await startApi({ WEBHOOK_PRIVATE_ADDRESSES: 'allow' })
  owner = new Pool({ connectionString: api.config.databaseUrl, options: '-c search_path=tabkeeper' })
  receiver = await startWebhookReceiver()
  workers = await startWorkers(api.config, ['aggregate-usage', 'rebuild-usage', 'relay-outbox', 'deliver-webhooks'])
})
afterAll(async () => {
  await workers.stop()
  await owner.end()
  await receiver.stop()
  await api.stop()
})

/** An organization with a sum over the field `v` of the code `x`, and one event each of what can go wrong with it. */
async function organizationInTrouble(): Promise<ApiClient> {
  const client = await api.client()
  await client.post('/billable_metrics', {
    code: 'v-sum',
    name: 'V',
    aggregation: 'sum',
    field_name: 'v',
    event_code: 'x',
  })
  await client.post('/customers', { external_id: 'acme' })
  const about = { external_customer_id: 'acme', code: 'x', properties: { v: 1, w: 5 } }
  const events = [
    { ...about, transaction_id: 'fine', timestamp: '2026-01-01T00:00:00Z' },
    { ...about, transaction_id: 'missing', timestamp: '2026-01-02T00:00:00Z', properties: { w: 5 } },
    { ...about, transaction_id: 'word', timestamp: '2026-01-03T00:00:00Z', properties: { v: 'five', w: 5 } },
    { ...about, transaction_id: 'unread', timestamp: '2026-01-04T00:00:00Z', code: 'y' },
    { ...about, transaction_id: 'stranger', timestamp: '2026-01-05T00:00:00Z', external_customer_id: 'eve' },
    { ...about, transaction_id: 'detached', timestamp: '2026-01-06T00:00:00Z', external_subscription_id: 's' },
  ]
  await client.post('/events/batch', { events })
  await listed(client, '', 5)
  await client.post('/events', { ...events[0], properties: { v: 2 } })
  await listed(client, '', 6)
  return client
}

interface Entry {
  readonly id: string
  readonly transaction_id: string
  readonly reason: string
}

async function entries(client: ApiClient, query = ''): Promise<Entry[]> {
  return (await client.get(`/events/unprocessed?limit=100${query}`)).body.data
}
const listed = (client: ApiClient, query: string, count: number) =>
  expect.poll(async () => (await entries(client, query)).length, SOON).toBe(count)
const names = async (client: ApiClient, query = '') =>
  (await entries(client, query)).map(({ transaction_id }) => transaction_id).toSorted()

async function unitsOf(client: ApiClient): Promise<number> {
  const { rows } = await owner.query<{ units: string }>(
    'select coalesce(sum(value_sum), 0) as units from usage_rollups where organization_id = $1 and level = 1',
    [client.organizationId],
  )
  return Number(rows[0]?.units)
}

test('the list takes filters, half-open in time, and is counted by reason and metric', async () => {
  const client = await organizationInTrouble()
  const expected: Record<string, string[]> = {
    '&reason=value_missing': ['missing'],
    '&external_customer_id=eve': ['stranger'],
    '&billable_metric_code=v-sum': ['missing', 'word'],
    '&billable_metric_code=v-sum&reason=value_not_a_number': ['word'],
    '&code=y': ['unread'],
    '&from=2026-01-03T00:00:00Z&to=2026-01-05T00:00:00Z': ['unread', 'word'],
    '&reason=processing_failed': [],
  }
  for (const [query, transactions] of Object.entries(expected)) {
    expect(await names(client, query), query).toEqual(transactions)
  }
  const { body } = await client.get('/events/unprocessed/counts')
  expect(body).toEqual({
    events: 6,
    by_reason: [
      { reason: 'customer_not_found', events: 1 },
      { reason: 'duplicate_conflict', events: 1 },
      { reason: 'metric_not_found', events: 1 },
      { reason: 'subscription_not_found', events: 1 },
      { reason: 'value_missing', events: 1 },
      { reason: 'value_not_a_number', events: 1 },
    ],
    by_reason_and_metric: [
      { reason: 'customer_not_found', billable_metric_code: null, events: 1 },
      { reason: 'duplicate_conflict', billable_metric_code: null, events: 1 },
      { reason: 'metric_not_found', billable_metric_code: null, events: 1 },
      { reason: 'subscription_not_found', billable_metric_code: null, events: 1 },
      { reason: 'value_missing', billable_metric_code: 'v-sum', events: 1 },
      { reason: 'value_not_a_number', billable_metric_code: 'v-sum', events: 1 },
    ],
  })
  expect((await client.get('/events/unprocessed/counts?billable_metric_code=v-sum')).body.events).toBe(2)
  const refused = await client.get('/events/unprocessed?from=2026-13-01T00:00:00Z')
  expect(refused.status).toBe(422)
})

test('one or all are tried again by the definition of now; conflicting duplicates never', async () => {
  const client = await organizationInTrouble()
  await owner.query(`update billable_metrics set field_name = 'w' where organization_id = $1`, [client.organizationId])
  const before = await unitsOf(client)
  const [missing] = await entries(client, '&reason=value_missing')
  const one = await client.post(`/events/unprocessed/${missing?.id}/retry`)
  expect([one.status, one.body]).toEqual([202, { status: 'accepted', events: 1 }])
  await listed(client, '&reason=value_missing', 0)
  expect(await unitsOf(client)).toBe(before + 5)
  const all = await client.post('/events/unprocessed/retry')
  expect([all.status, all.body]).toEqual([202, { status: 'accepted', events: 4 }])
  await listed(client, '', 4)
  expect(await unitsOf(client)).toBe(before + 10)
  expect(await names(client)).toEqual(['detached', 'fine', 'stranger', 'unread'])
  const gone = await client.post(`/events/unprocessed/${missing?.id}/retry`)
  expect([gone.status, gone.body.code]).toEqual([404, 'unprocessed_event_not_found'])
})

test('a conflicting duplicate is refused with the reason', async () => {
  const client = await organizationInTrouble()
  const [conflict] = await entries(client, '&reason=duplicate_conflict')
  const { body } = await client.get('/events/unprocessed?reason=duplicate_conflict')
  const event = { ...JSON.parse(body.data[0].details.event), transaction_id: 'its own' }
  expect((await client.post('/events', event)).status).toBe(202)
  const answers = [
    await client.post(`/events/unprocessed/${conflict?.id}/retry`),
    await client.post('/events/unprocessed/retry', { reason: 'duplicate_conflict' }),
  ]
  expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
    [409, 'unprocessed_event_final'],
    [409, 'unprocessed_event_final'],
  ])
  expect(answers[0]?.body.detail).toContain('accepted first')
  expect((await client.post('/events/unprocessed/retry', { reason: 'no_such' })).status).toBe(422)
})

test('a filtered retry leaves the others alone, and so do other organizations', async () => {
  const client = await organizationInTrouble()
  await owner.query(`update billable_metrics set field_name = 'w' where organization_id = $1`, [client.organizationId])
  const [missing] = await entries(client, '&reason=value_missing')
  const other = await api.client()
  expect((await other.post(`/events/unprocessed/${missing?.id}/retry`)).status).toBe(404)
  expect((await other.post('/events/unprocessed/retry')).body.events).toBe(0)
  expect((await other.get('/events/unprocessed/counts')).body.events).toBe(0)
  const body = { billable_metric_code: 'v-sum', from: '2026-01-03T00:00:00Z', to: '2026-01-04T00:00:00Z' }
  expect((await client.post('/events/unprocessed/retry', body)).body.events).toBe(1)
  await listed(client, '&reason=value_not_a_number', 0)
  expect(await names(client)).toContain('missing')
})

test('customers, subscriptions and metrics that appear later settle what named them', async () => {
  const client = await organizationInTrouble()
  await client.post('/plans/', { code: 'p', name: 'P', interval: 'monthly' })
  await client.post('/customers', { external_id: 'eve' })
  await listed(client, '&reason=customer_not_found', 0)
  expect(await names(client, '&reason=subscription_not_found')).toEqual(['detached'])
  const named = { external_customer_id: 'acme', plan_code: 'p', external_id: 's' }
  await client.post('/subscriptions', { ...named, started_at: '2026-01-06T00:00:00Z' })
  await listed(client, '&reason=subscription_not_found', 0)
  await client.post('/billable_metrics', { code: 'y', name: 'Y', aggregation: 'count' })
  await listed(client, '&reason=metric_not_found', 0)
  expect(await names(client)).toEqual(['fine', 'missing', 'word'])
})

test('what cannot be counted is announced at once, then at most once a minute per reason', async () => {
  const client = await api.client()
  const { body: endpoint } = await client.post('/webhook_endpoints', {
    url: `${receiver.url}/alerts`,
    event_types: ['events.unprocessed'],
  })
  expect(endpoint.enabled).toBe(true)
  await client.post('/customers', { external_id: 'acme' })
  const send = (prefix: string, count: number) =>
    client.post('/events/batch', {
      events: Array.from({ length: count }, (_, index) => ({
        transaction_id: `${prefix}-${index}`,
        external_customer_id: 'acme',
        code: 'unread',
        timestamp: '2026-01-01T00:00:00Z',
      })),
    })
  const alerts = () => receiver.received('/alerts').map(({ body }) => JSON.parse(body))
  await send('first', 7)
  await expect.poll(() => alerts().length, SOON).toBe(1)
  const [first] = alerts()
  expect(first).toEqual({
    type: 'events.unprocessed',
    timestamp: expect.any(String),
    data: { reason: 'metric_not_found', events: 7, since: expect.any(String), sample: expect.any(Array) },
  })
  expect(first.data.sample).toHaveLength(5)
  expect(first.data.sample[0]).toEqual({
    id: expect.any(String),
    transaction_id: expect.stringMatching(/^first-/),
    external_customer_id: 'acme',
    code: 'unread',
    timestamp: '2026-01-01T00:00:00Z',
    billable_metric_code: null,
  })
  await send('second', 3)
  await send('third', 4)
  await listed(client, '', 14)
  // A minute goes by: what came meanwhile is one announcement.
  await owner.query(`update unprocessed_alerts set announced_at = announced_at - interval '1 minute'`)
  await expect.poll(() => alerts().length, SOON).toBe(2)
  expect(alerts()[1].data.events).toBe(7)
})
