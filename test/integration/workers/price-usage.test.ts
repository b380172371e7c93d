import { Client } from 'pg'
import { afterEach, expect, test } from 'vitest'
import { createConnection } from '../../../db/connection.ts'
import { createOrganization } from '../../../db/organizations.ts'
import type { WorkerContext } from '../../../workers/context.ts'
import { priceTouched } from '../../../workers/price-usage/price-touched.ts'
import { priceUsage } from '../../../workers/price-usage/worker.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

let fixture: BillingFixture
afterEach(() => fixture.close())

test('customers of long price lists are priced together, however many charges that makes', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  const charges = Array.from({ length: 1000 }, () => ({
    chargeModel: 'standard' as const,
    properties: { amount: '0.5' },
  }))
  await fixture.plan({ code: 'long' }, charges)
  for (const externalCustomerId of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
    await fixture.customer(externalCustomerId)
    await fixture.subscribe({ externalCustomerId, planCode: 'long' })
    await fixture.use(externalCustomerId, 3, '2026-01-02T00:00:00Z')
  }
  const { rows } = await fixture.pool.query<{ customer_id: number }>('select customer_id from touched_customers')
  const customerIds = rows.map((row) => row.customer_id)
  expect(await fixture.within((transaction) => priceTouched(transaction, fixture.organizationId, customerIds))).toBe(7)
  const charged = await fixture.pool.query('select count(*)::int, sum(amount)::text from running_charges')
  expect(charged.rows).toEqual([{ count: 7000, sum: '10500.0' }])
})

test('a mark tells the earliest time of the usage that changed, until it is taken', async () => {
  fixture = await createBillingFixture('2026-02-01T00:00:00Z')
  await fixture.customer('acme')
  const earliest = async () => {
    const { rows } = await fixture.pool.query<{ earliest_at: Temporal.Instant; customer_id: number }>(
      'select earliest_at, customer_id from touched_customers',
    )
    return rows
  }
  await fixture.use('acme', 1, '2026-01-20T00:00:00Z')
  await fixture.use('acme', 1, '2026-01-10T00:00:00.5Z')
  await fixture.use('acme', 1, '2026-01-30T00:00:00Z')
  const [mark] = await earliest()
  expect(mark?.earliest_at.toString()).toBe('2026-01-10T00:00:00.5Z')
  const ids = [mark?.customer_id ?? 0]
  await fixture.within((transaction) => priceTouched(transaction, fixture.organizationId, ids))
  await fixture.use('acme', 1, '2026-01-31T00:00:00Z')
  expect((await earliest()).map(({ earliest_at }) => earliest_at.toString())).toEqual(['2026-01-31T00:00:00Z'])
})

test('what cannot be priced keeps its mark and holds up nobody else', async () => {
  fixture = await createBillingFixture('2026-02-01T00:00:00Z')
  await fixture.customer('acme')
  await fixture.use('acme', 1, '2026-02-02T00:00:00Z')
  const { organizationId } = await createOrganization(fixture.url, { name: 'Other' })
  await fixture.pool.query(
    `with other as (insert into customers (organization_id, external_id, registered_at) values ($1, 'other', now())
       returning customer_id)
     insert into touched_customers (customer_id, organization_id, touched_at)
     select customer_id, $1, now() + interval '1 hour' from other`,
    [organizationId],
  )
  const priced = { connection: createConnection(fixture.pool) } as WorkerContext
  await breakPricing(fixture)
  const round = priceUsage.open(priced)
  await expect(round({})).rejects.toThrow('it cannot be priced')
  const { rows } = await fixture.pool.query<{ organization_id: number }>(
    'select organization_id from touched_customers',
  )
  expect(rows).toEqual([{ organization_id: fixture.organizationId }])
})

async function breakPricing({ url, organizationId }: BillingFixture): Promise<void> {
  const owner = new Client({ connectionString: url, options: '-c search_path=tabkeeper' })
  await owner.connect()
  await owner.query(
    `create function refuse_pricing() returns trigger language plpgsql as
       $$ begin raise exception 'it cannot be priced'; end $$;
     create trigger refuse_pricing before delete on touched_customers for each row
       when (old.organization_id = ${organizationId}) execute function refuse_pricing()`,
  )
  await owner.end()
}
