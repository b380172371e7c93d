import { Client } from 'pg'
import { afterEach, expect, test } from 'vitest'
import { createOrganization } from '../../../db/organizations.ts'
import { priceCustomers, takeTouched } from '../../../workers/price-usage/price-customers.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'
import { priceTouched } from '../../support/pricing.ts'

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
  await priceTouched(fixture)
  const charged = await fixture.pool.query('select count(*)::int, sum(amount)::text from running_charges')
  expect(charged.rows).toEqual([{ count: 7000, sum: '10500.0' }])
})

test('a mark tells the earliest time of the usage that changed, until it is taken', async () => {
  fixture = await createBillingFixture('2026-02-01T00:00:00Z')
  await fixture.customer('acme')
  const earliest = async () => {
    const { rows } = await fixture.pool.query<{ earliest_at: Temporal.Instant }>(
      'select earliest_at from touched_customers',
    )
    return rows
  }
  await fixture.use('acme', 1, '2026-01-20T00:00:00Z')
  await fixture.use('acme', 1, '2026-01-10T00:00:00.5Z')
  await fixture.use('acme', 1, '2026-01-30T00:00:00Z')
  const [mark] = await earliest()
  expect(mark?.earliest_at.toString()).toBe('2026-01-10T00:00:00.5Z')
  await priceTouched(fixture)
  await fixture.use('acme', 1, '2026-01-31T00:00:00Z')
  expect((await earliest()).map(({ earliest_at }) => earliest_at.toString())).toEqual(['2026-01-31T00:00:00Z'])
})

test('who cannot be priced stays to be priced and holds up nobody else, of the same organization or another', async () => {
  fixture = await createBillingFixture('2026-02-01T00:00:00Z')
  await fixture.plan({ code: 'usage' }, [{ chargeModel: 'standard', properties: { amount: '0.5' } }])
  for (const externalCustomerId of ['a', 'b', 'c']) {
    await fixture.customer(externalCustomerId)
    await fixture.subscribe({ externalCustomerId, planCode: 'usage' })
    await fixture.use(externalCustomerId, 3, '2026-02-02T00:00:00Z')
  }
  const { organizationId } = await createOrganization(fixture.url, { name: 'Other' })
  await fixture.pool.query(
    `with other as (insert into customers (organization_id, external_id, registered_at) values ($1, 'other', now())
       returning customer_id)
     insert into touched_customers (customer_id, organization_id, touched_at)
     select customer_id, $1, now() + interval '1 hour' from other`,
    [organizationId],
  )
  await asOwner(`create function refuse_pricing() returns trigger language plpgsql as
       $$ begin raise exception 'it cannot be priced'; end $$;
     create trigger refuse_pricing before insert on running_charges for each row
       when (new.customer_id = ${await customerId('b')}) execute function refuse_pricing()`)
  await expect(priceTouched(fixture)).rejects.toThrow('it cannot be priced')
  expect(await unpriced()).toEqual(['b'])
  expect((await fixture.pool.query('select from touched_customers')).rowCount).toBe(0)
  expect((await fixture.pool.query('select from running_charges')).rowCount).toBe(2)
  await asOwner('drop trigger refuse_pricing on running_charges')
  // Nothing marks it again: it is remembered.
  await priceTouched(fixture)
  expect(await unpriced()).toEqual([])
  expect((await fixture.pool.query('select from running_charges')).rowCount).toBe(3)
})

test('usage is counted while the usage of the same customer is being read', async () => {
  fixture = await createBillingFixture('2026-02-01T00:00:00Z')
  await fixture.plan({ code: 'usage' }, [{ chargeModel: 'standard', properties: { amount: '0.5' } }])
  await fixture.customer('acme')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'usage' })
  await fixture.use('acme', 3, '2026-02-02T00:00:00Z')
  const ids = [await customerId('acme')]
  await fixture.within((transaction) => takeTouched(transaction, fixture.organizationId, ids))
  await fixture.within(async (transaction) => {
    expect(await priceCustomers(transaction, fixture.organizationId, ids)).toBe(1)
    // On a connection of its own: it would wait for this transaction, and this one for it.
    await fixture.use('acme', 4, '2026-02-02T00:00:00Z')
  })
  await priceTouched(fixture)
  const { rows } = await fixture.pool.query('select units::text from running_charges')
  expect(rows).toEqual([{ units: '7' }])
})

async function customerId(externalId: string): Promise<number> {
  const { rows } = await fixture.pool.query<{ customer_id: number }>(
    'select customer_id from customers where external_id = $1',
    [externalId],
  )
  return rows[0]?.customer_id ?? 0
}

async function unpriced(): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ external_id: string }>(
    'select external_id from unpriced_customers join customers using (customer_id) order by 1',
  )
  return rows.map(({ external_id }) => external_id)
}

async function asOwner(statement: string): Promise<void> {
  const owner = new Client({ connectionString: fixture.url, options: '-c search_path=tabkeeper' })
  await owner.connect()
  await owner.query(statement)
  await owner.end()
}
