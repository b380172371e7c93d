import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
})
afterAll(() => api.stop())

async function announced(): Promise<{ topic: string; payload: Record<string, unknown> }[]> {
  const owner = new Client({ connectionString: api.config.databaseUrl })
  await owner.connect()
  try {
    const { rows } = await owner.query(
      'select topic, payload from tabkeeper.outbox where organization_id = $1 order by id',
      [client.organizationId],
    )
    return rows
  } finally {
    await owner.end()
  }
}

test('every change is announced once, in the transaction that makes it; a refused one is not', async () => {
  const clock = await client.post('/test_clocks', { frozen_time: '2026-01-01T00:00:00Z' })
  const metric = await client.post('/billable_metrics', { code: 'm', name: 'M', aggregation: 'count' })
  await client.post('/billable_metrics', { code: 'm', name: 'M', aggregation: 'count' })
  const plan = await client.post('/plans/', { code: 'p', name: 'P', interval: 'monthly' })
  const customer = await client.post('/customers', { external_id: 'c', currency: 'USD' })
  const subscription = await client.post('/subscriptions', {
    external_customer_id: 'c',
    plan_code: 'p',
    external_id: 's',
  })
  await client.post('/subscriptions', { external_customer_id: 'c', plan_code: 'p', external_id: 's' })
  await client.post('/subscriptions/s/cancel')
  await client.delete('/plans/p')
  await client.delete('/plans/p')
  await client.post(`/test_clocks/${clock.body.id}/advance`, { frozen_time: '2026-01-02T00:00:00Z' })
  expect(await announced()).toEqual([
    { topic: 'billable_metric.created', payload: { billable_metric_id: metric.body.id } },
    { topic: 'plan.created', payload: { plan_id: plan.body.id } },
    { topic: 'customer.created', payload: { customer_id: customer.body.id } },
    {
      topic: 'subscription.created',
      payload: { subscription_id: subscription.body.id, customer_id: customer.body.id },
    },
    { topic: 'subscription.cancelled', payload: { subscription_id: subscription.body.id } },
    { topic: 'plan.archived', payload: { plan_id: plan.body.id } },
    {
      topic: 'test_clock.advancing',
      payload: { test_clock_id: clock.body.id, frozen_time: '2026-01-02T00:00:00Z' },
    },
  ])
})
