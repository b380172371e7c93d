import { afterEach, expect, test } from 'vitest'
import { priceTouched } from '../../../workers/price-usage/price-touched.ts'
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
