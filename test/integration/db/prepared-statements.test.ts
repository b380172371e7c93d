import { Client } from 'pg'
import { afterAll, expect, test } from 'vitest'
import { withOrganization } from '../../../db/connection.ts'
import { rateCurrentUsage } from '../../../db/subscriptions/current-usage.ts'
import { requireSubscription } from '../../../db/subscriptions/require-subscription.ts'
import { listSubscriptions } from '../../../db/subscriptions/subscriptions.ts'
import type { ApiClient } from '../../support/api.ts'
import { openTwoOrganizations } from '../../support/two-organizations.ts'

const { api, one, other, pool, connection, stop } = await openTwoOrganizations({ role: 'tabkeeper_worker' })
afterAll(stop)

async function subscribe(client: ApiClient, externalId: string): Promise<string> {
  const metric = await client.post('/billable_metrics', { code: 'm', name: 'M', aggregation: 'count' })
  const charges = [{ billable_metric_id: metric.body.id, charge_model: 'standard', properties: { amount: '1' } }]
  await client.post('/plans/', { code: 'p', name: 'P', interval: 'monthly', charges })
  await client.post('/customers', { external_id: 'c' })
  const subscription = { external_customer_id: 'c', plan_code: 'p', external_id: externalId }
  return (await client.post('/subscriptions', subscription)).body.id as string
}

function currentUsage(client: ApiClient, reference: string) {
  return withOrganization(connection, client.organizationId, async (transaction) => {
    const subscription = await requireSubscription(transaction, client.organizationId, reference)
    return { subscription, usage: await rateCurrentUsage(transaction, client.organizationId, subscription) }
  })
}

async function findId(client: ApiClient, reference: string): Promise<string> {
  const { id } = await withOrganization(connection, client.organizationId, (transaction) =>
    requireSubscription(transaction, client.organizationId, reference),
  )
  return id
}

test('a statement that one organization prepared shows another only its own rows', async () => {
  const [mine, theirs] = [await subscribe(one, 'same'), await subscribe(other, 'same')]
  // Postgres keeps one plan for all values from the sixth time on.
  for (let time = 0; time < 8; time += 1) expect(await findId(one, 'same')).toBe(mine)
  for (let time = 0; time < 8; time += 1) expect(await findId(other, 'same')).toBe(theirs)
  await expect(findId(one, theirs)).rejects.toMatchObject({ code: 'subscription_not_found' })
  const { rows } = await pool.query(
    `select 1 from pg_prepared_statements where statement like '%from subscriptions s%'`,
  )
  expect(rows).toHaveLength(1)
})

test('a subscription that is looked up has every column that a listed one has', async () => {
  await subscribe(other, 'complete')
  const { found, listed } = await withOrganization(connection, other.organizationId, async (transaction) => {
    const filter = { externalCustomerId: undefined, status: undefined, limit: 1, after: undefined }
    const { rows } = await listSubscriptions(transaction, other.organizationId, filter)
    return { listed: rows[0], found: await requireSubscription(transaction, other.organizationId, 'complete') }
  })
  const { now: _now, ...columns } = found
  expect(columns).toEqual(listed)
})

test('a subscription is found by its name without reading all others', async () => {
  const client = await pool.connect()
  try {
    await client.query('begin; set local enable_seqscan = off')
    const { rows } = await client.query<{ plan: string }>(
      `explain select id from subscriptions where organization_id = ${one.organizationId} and (external_id = 'same' or id = uuidv7())`,
    )
    expect(JSON.stringify(rows)).toContain('subscriptions_by_external_id')
  } finally {
    await client.query('rollback')
    client.release()
  }
})

test('prepared statements outlive a migration that adds a column to every table', async () => {
  const id = await subscribe(one, 'migrated')
  const before = await currentUsage(one, 'migrated')
  expect([before.subscription.id, before.usage.lines.length]).toEqual([id, 1])
  const owner = new Client({ connectionString: api.config.databaseUrl, options: '-c search_path=tabkeeper' })
  await owner.connect()
  await owner.query(`do $$ declare name text; begin
    for name in select tablename from pg_tables where schemaname = 'tabkeeper' and tablename !~ '_[0-9]' loop
      execute format('alter table %I add column added_later text', name);
    end loop;
  end $$`)
  await owner.end()
  const after = await currentUsage(one, 'migrated')
  expect(after.usage.lines).toEqual(before.usage.lines)
})
