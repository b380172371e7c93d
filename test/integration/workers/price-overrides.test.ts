import { afterEach, expect, test } from 'vitest'
import { requirePlan } from '../../../db/catalogue/plans.ts'
import type { ChargeOverrideRequest } from '../../../shared/subscriptions/price-overrides.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

let fixture: BillingFixture
afterEach(() => fixture.close())

async function charge(override: Partial<ChargeOverrideRequest>): Promise<ChargeOverrideRequest> {
  const plan = await fixture.within((transaction) => requirePlan(transaction, fixture.organizationId, 'pro'))
  const id = plan.components.find(({ kind }) => kind === 'usage')?.id ?? ''
  return { id, properties: undefined, modifiers: {}, displayName: null, filters: [], ...override }
}

async function lines(customer: string): Promise<string[]> {
  const invoices = await fixture.invoices(customer)
  return invoices.flatMap((invoice) =>
    invoice.lines.map((line) => `${line.description}: ${Number(line.units)} = ${line.amountMinor}`),
  )
}

test('each subscription is billed at its own prices, and the others at those of the plan', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  const standard = [{ chargeModel: 'standard', properties: { amount: '0.01' } }] as const
  await fixture.plan({ code: 'pro', name: 'Pro', amountMinor: 3100n }, standard)
  const overrides = {
    list: null,
    fee: { amountMinor: 100n, charges: [] },
    charge: { amountMinor: null, charges: [await charge({ properties: { amount: '0.5' }, displayName: 'Special' })] },
    modified: { amountMinor: null, charges: [await charge({ modifiers: { free_units: '50' } })] },
    named: { amountMinor: 0n, charges: [await charge({ displayName: 'Renamed' })] },
  }
  for (const [customer, priceOverrides] of Object.entries(overrides)) {
    await fixture.customer(customer)
    await fixture.subscribe({ externalCustomerId: customer, planCode: 'pro', priceOverrides })
    await fixture.use(customer, 100, '2026-01-10T00:00:00Z')
  }
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  // A draft is rated again by the same prices.
  for (const customer of Object.keys(overrides)) await fixture.use(customer, 10, '2026-01-31T00:00:00Z')
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  expect(await lines('list')).toEqual(['Pro: 1 = 3100', 'Tokens: 110 = 110'])
  expect(await lines('fee')).toEqual(['Pro: 1 = 100', 'Tokens: 110 = 110'])
  expect(await lines('charge')).toEqual(['Pro: 1 = 3100', 'Special: 110 = 5500'])
  expect(await lines('modified')).toEqual(['Pro: 1 = 3100', 'Tokens: 110 = 60'])
  expect(await lines('named')).toEqual(['Renamed: 110 = 110'])
})
