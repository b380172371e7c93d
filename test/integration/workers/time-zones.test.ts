import { afterEach, expect, test } from 'vitest'
import { insertBillableMetric } from '../../../db/catalogue/billable-metrics.ts'
import { requireCustomer, updateCustomer } from '../../../db/catalogue/customers.ts'
import { requireSubscription } from '../../../db/subscriptions/require-subscription.ts'
import type { ChargeRequest } from '../../../shared/plans/plan-request.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

let fixture: BillingFixture
afterEach(() => fixture.close())

async function moveTo(timeZone: string): Promise<void> {
  await fixture.within(async (transaction) => {
    const { customerId } = await requireCustomer(transaction, fixture.organizationId, 'acme')
    await updateCustomer(transaction, fixture.organizationId, customerId, { timeZone })
  })
}

async function bills(): Promise<string[]> {
  return (await fixture.invoices('acme')).map(
    ({ periodStart, periodEnd, totalMinor, lines }) =>
      `${periodStart} – ${periodEnd}: ${totalMinor}, ${Number(lines.at(-1)?.units)} tokens`,
  )
}

test('a customer who moves keeps the running period, and no usage falls between that and the next', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  const charges = [{ chargeModel: 'standard', properties: { amount: '0.01' } }] as const
  await fixture.plan({ code: 'pro', amountMinor: 3100n }, charges)
  await fixture.customer('acme', 'UTC')
  const { id } = await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro' })
  await fixture.advanceTo('2026-01-10T00:00:00Z')
  await moveTo('America/New_York')
  // The last hours of January there are the first of February in UTC.
  await fixture.use('acme', 1, '2026-01-31T23:59:59Z')
  await fixture.use('acme', 20, '2026-02-01T00:00:00Z')
  await fixture.use('acme', 300, '2026-03-01T04:59:59Z')
  await fixture.use('acme', 4000, '2026-03-01T05:00:00Z')
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  // The draft is rated again when the subscription is in the other zone already.
  await fixture.use('acme', 1, '2026-01-31T23:00:00Z')
  await fixture.advanceTo('2026-04-01T06:00:00Z')
  expect(await bills()).toEqual([
    '2026-01-01T00:00:00Z – 2026-02-01T00:00:00Z: 3102, 2 tokens',
    '2026-02-01T00:00:00Z – 2026-03-01T05:00:00Z: 3420, 320 tokens',
    '2026-03-01T05:00:00Z – 2026-04-01T04:00:00Z: 7100, 4000 tokens',
  ])
  const { timeZone } = await fixture.within((transaction) =>
    requireSubscription(transaction, fixture.organizationId, id),
  )
  expect(timeZone).toBe('America/New_York')
})

/** A charge for the sum of the fixture's tokens, as a metric of its own counts them. */
async function chargeFor(
  metric: { readonly code: string; readonly recurring: boolean },
  about: Pick<ChargeRequest, 'chargeModel' | 'properties' | 'modifiers'>,
): Promise<ChargeRequest> {
  const { id } = await fixture.within((transaction) =>
    insertBillableMetric(transaction, fixture.organizationId, {
      ...metric,
      name: metric.code,
      description: null,
      aggregation: 'sum',
      fieldName: 'tokens',
      eventCode: 'tokens',
    }),
  )
  return { ...about, billableMetricId: id, filters: [], displayName: null }
}

test('a draft that is rated again counts windows and held days in the zone it was billed in', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  const graduated_ranges = [
    { from_value: 0, to_value: 31, per_unit_amount: '0', flat_amount: '0' },
    { from_value: 32, to_value: null, per_unit_amount: '1', flat_amount: '0' },
  ]
  const daily = { properties: { graduated_ranges }, modifiers: { windows: { size: 'day' } } }
  const held = { properties: { amount: '1' }, modifiers: { prorated: true } }
  const charges = [
    await chargeFor({ code: 'daily', recurring: false }, { ...daily, chargeModel: 'graduated' }),
    await chargeFor({ code: 'held', recurring: true }, { ...held, chargeModel: 'standard' }),
  ]
  await fixture.plan({ code: 'pro', charges })
  await fixture.customer('acme', 'UTC')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro' })
  await fixture.use('acme', 31, '2026-01-10T22:00:00Z')
  await moveTo('America/New_York')
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  // Late, and in New York still the day of the event before.
  await fixture.use('acme', 31, '2026-01-11T02:00:00Z')
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  const [january] = await fixture.invoices('acme')
  expect(january?.lines.map(({ description, amountMinor }) => `${description}: ${amountMinor}`)).toEqual([
    'daily: 0',
    // 22 days and 21 days of 31 units each.
    'held: 4300',
  ])
})

test('a subscription starts in the zone that its customer has by then', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'pro', amountMinor: 3100n })
  await fixture.customer('acme', 'UTC')
  const startedAt = Temporal.Instant.from('2026-01-22T00:00:00Z')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro', startedAt })
  await moveTo('Asia/Tokyo')
  await fixture.advanceTo('2026-01-31T17:00:00Z')
  expect(await bills()).toEqual(['2026-01-22T00:00:00Z – 2026-01-31T15:00:00Z: 1000, 1 tokens'])
})
