import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let one: ApiClient
let other: ApiClient
let owner: Client

beforeAll(async () => {
  api = await startApi()
  one = await api.client({ name: 'One' })
  other = await api.client({ name: 'Other' })
  owner = new Client({ connectionString: api.config.databaseUrl, options: '-c search_path=tabkeeper' })
  await owner.connect()
})
afterAll(async () => {
  await owner.end()
  await api.stop()
})

// Names are the same on purpose: only the organization tells the rows apart.
async function populate(client: ApiClient): Promise<{ subscriptionId: string; metricId: string }> {
  const metric = await client.post('/billable_metrics', { code: 'm', name: 'M', aggregation: 'count' })
  const charges = [{ billable_metric_id: metric.body.id, charge_model: 'standard', properties: { amount: '1' } }]
  await client.post('/plans/', { code: 'p', name: 'P', interval: 'monthly', charges })
  await client.post('/customers', { external_id: 'c', name: `of ${client.organizationId}` })
  const subscription = await client.post('/subscriptions', {
    external_customer_id: 'c',
    plan_code: 'p',
    external_id: 's',
  })
  return { subscriptionId: subscription.body.id, metricId: metric.body.id }
}

test('a key sees the rows of its own organization only', async () => {
  const mine = await populate(one)
  const theirs = await populate(other)
  for (const list of ['/billable_metrics', '/plans/', '/customers', '/subscriptions', '/issuers']) {
    expect((await one.get(list)).body.data, list).toHaveLength(1)
  }
  expect((await one.get('/customers/c')).body.name).toBe(`of ${one.organizationId}`)
  expect((await one.get('/subscriptions/s')).body.id).toBe(mine.subscriptionId)
  expect((await one.get(`/subscriptions/${theirs.subscriptionId}`)).status).toBe(404)
  expect((await one.post(`/subscriptions/${theirs.subscriptionId}/cancel`, {})).status).toBe(404)
  const clock = await (await api.client()).post('/test_clocks', { frozen_time: '2026-01-01T00:00:00Z' })
  expect((await one.get(`/test_clocks/${clock.body.id}`)).status).toBe(404)
})

test('a plan cannot charge a metric of another organization', async () => {
  const stranger = await api.client()
  const metric = await stranger.post('/billable_metrics', { code: 'x', name: 'X', aggregation: 'count' })
  const charges = [{ billable_metric_id: metric.body.id, charge_model: 'standard', properties: { amount: '1' } }]
  const answer = await one.post('/plans/', { code: 'foreign', name: 'F', interval: 'monthly', charges })
  expect([answer.status, answer.body.code]).toEqual([400, 'invalid_reference'])
})

test('every table of an organization is closed by row policies for both roles', async () => {
  const { rows } = await owner.query<{ name: string; closed: boolean; policies: string[] }>(`
    select c.relname as name, c.relrowsecurity as closed,
      (select coalesce(array_agg(p.polname order by p.polname), '{}') from pg_policy p where p.polrelid = c.oid)::text[]
        as policies
    from pg_class c
    where c.relnamespace = 'tabkeeper'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and exists (select from pg_attribute a
        where a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped)`)
  expect(rows.length).toBeGreaterThan(20)
  for (const { name, closed, policies } of rows) {
    expect({ name, closed, policies }).toEqual({
      name,
      closed: true,
      policies: ['across_organizations', 'of_organization'],
    })
  }
})

test('the role of the web process sees nothing without an organization, and never the rows of another', async () => {
  await owner.query('begin')
  await owner.query('set local role tabkeeper_app')
  expect((await owner.query('select from customers')).rowCount).toBe(0)
  await owner.query(`select set_config('tabkeeper.organization_id', $1, true)`, [String(one.organizationId)])
  const { rows } = await owner.query('select distinct organization_id from customers')
  expect(rows).toEqual([{ organization_id: one.organizationId }])
  await expect(
    owner.query(`insert into customers (organization_id, external_id) values ($1, 'planted')`, [other.organizationId]),
  ).rejects.toThrow('row-level security')
  await owner.query('rollback')
})
