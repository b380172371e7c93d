import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

let billing: BillingFixture

const NOW = '2026-04-10T12:00:00Z'
const FEE = { interval: 'monthly', amountMinor: 3100n } as const
const PER_TOKEN = [{ chargeModel: 'standard', properties: { amount: '0.01' } }] as const

beforeAll(async () => {
  billing = await createBillingFixture(NOW)
  await billing.plan({ code: 'arrears', ...FEE }, PER_TOKEN)
  await billing.plan({ code: 'advance', payInAdvance: true, ...FEE })
})
afterAll(() => billing.close())

async function subscribe(customer: string, planCode: string, backfillInvoices: boolean): Promise<unknown[][]> {
  await billing.customer(customer)
  await billing.use(customer, 100, '2026-01-20T00:00:00Z')
  await billing.use(customer, 200, '2026-03-31T23:59:59Z')
  const startedAt = Temporal.Instant.from('2026-01-16T00:00:00Z')
  await billing.subscribe({ externalCustomerId: customer, planCode, startedAt, backfillInvoices })
  const invoices = await billing.invoices(customer)
  return invoices
    .map(({ kind, periodStart, totalMinor }) => [kind, periodStart.toString().slice(0, 10), Number(totalMinor)])
    .toSorted(([, one], [, other]) => (String(one) < String(other) ? -1 : 1))
}

test('every period since a start in the past is billed, with its usage and days, when that is asked for', async () => {
  expect(await subscribe('asked', 'arrears', true)).toEqual([
    // 31.00 × 16 of 31 days, and 100 × 0.01.
    ['subscription_cycle', '2026-01-16', 1600 + 100],
    ['subscription_cycle', '2026-02-01', 3100],
    ['subscription_cycle', '2026-03-01', 3100 + 200],
  ])
})

test('what is paid in advance is billed from the start to the running period', async () => {
  expect(await subscribe('ahead', 'advance', true)).toEqual([
    ['subscription_create', '2026-01-16', 1600],
    ['subscription_cycle', '2026-01-16', 3100],
    ['subscription_cycle', '2026-02-01', 3100],
    ['subscription_cycle', '2026-03-01', 3100],
  ])
})

test('nothing that was over is billed otherwise', async () => {
  expect(await subscribe('not-asked', 'arrears', false)).toEqual([])
})
