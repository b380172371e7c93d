import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiKey } from '../../../db/organizations.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

let billing: BillingFixture
let api: TestApi
let client: ApiClient

beforeAll(async () => {
  billing = await createBillingFixture('2026-01-01T00:00:00Z')
  api = await startApi({ DATABASE_URL: billing.url })
  const apiKey = await createApiKey(billing.url, billing.organizationId)
  client = api.clientOf({ organizationId: billing.organizationId, apiKey, operatorPassword: undefined })
  const graduated_ranges = [
    { from_value: 0, to_value: 100, per_unit_amount: '0', flat_amount: '0' },
    { from_value: 101, to_value: null, per_unit_amount: '0.5', flat_amount: '1' },
  ]
  await billing.plan({ code: 'pro', amountMinor: 3100n }, [
    { chargeModel: 'graduated', properties: { graduated_ranges } },
  ])
  await billing.customer('acme')
  await billing.subscribe({ externalCustomerId: 'acme', planCode: 'pro', externalId: 's' })
})
afterAll(async () => {
  await api.stop()
  await billing.close()
})

async function projected(): Promise<unknown> {
  const { status, body } = await client.get('/subscriptions/s/projected_usage')
  expect(status).toBe(200)
  return body
}

test('before any time has passed, a projection is what is there', async () => {
  await billing.use('acme', 60, '2026-01-01T00:00:00Z')
  expect(await projected()).toMatchObject({ lines: [{ units: '60', amount: '0' }], total_cents: 0 })
})

test('usage that goes on as it began is priced at the end of the period, tiers included', async () => {
  await billing.advanceTo('2026-01-11T08:00:00Z')
  // A third of January has passed: 180 units, of which 80 cost 0.50 and once 1.
  expect(await projected()).toMatchObject({
    external_subscription_id: 's',
    period_start: '2026-01-01T00:00:00Z',
    period_end: '2026-02-01T00:00:00Z',
    as_of: '2026-01-11T08:00:00Z',
    lines: [
      { kind: 'usage', charge_model: 'graduated', units: '180', events_count: 3, amount: '41', amount_cents: 4100 },
    ],
    subtotal_cents: 4100,
    total_cents: 4100,
  })
  const current = await client.get('/subscriptions/s/current_usage')
  expect(current.body.lines).toMatchObject([{ units: '60', events_count: 1, amount_cents: 0 }])
})

test('periods that are over are listed as they were billed, newest first and paged, without fees', async () => {
  expect((await client.get('/subscriptions/s/past_usage')).body).toEqual({ data: [], next_cursor: null })
  await billing.use('acme', 50, '2026-01-20T00:00:00Z')
  await billing.advanceTo('2026-02-10T00:00:00Z')
  await billing.use('acme', 7, '2026-02-09T00:00:00Z')
  await billing.advanceTo('2026-03-01T00:30:00Z')
  const { body } = await client.get('/subscriptions/s/past_usage?limit=1')
  expect(body.data).toMatchObject([
    {
      external_subscription_id: 's',
      external_customer_id: 'acme',
      currency: 'USD',
      period_start: '2026-02-01T00:00:00Z',
      period_end: '2026-03-01T00:00:00Z',
      invoice_number: null,
      invoice_status: 'draft',
      lines: [{ kind: 'usage', billable_metric_code: 'tokens', units: '7', events_count: 1, amount_cents: 0 }],
      subtotal_cents: 0,
    },
  ])
  const next = await client.get(`/subscriptions/s/past_usage?limit=1&cursor=${body.next_cursor}`)
  expect(next.body).toMatchObject({
    data: [
      {
        period_start: '2026-01-01T00:00:00Z',
        invoice_number: expect.any(String),
        invoice_status: 'finalized',
        lines: [{ units: '110', events_count: 2, amount_cents: 600 }],
        subtotal_cents: 600,
      },
    ],
    next_cursor: null,
  })
  const invoice = await client.get(`/invoices/${next.body.data[0].invoice_id}`)
  expect(next.body.data[0].lines).toEqual(invoice.body.lines.filter(({ kind }: { kind: string }) => kind === 'usage'))
})

test.each(['past_usage', 'projected_usage'])(
  '%s of a subscription of nobody or of others is not found',
  async (path) => {
    expect((await client.get(`/subscriptions/nobody/${path}`)).body.code).toBe('subscription_not_found')
    expect((await (await api.client()).get(`/subscriptions/s/${path}`)).status).toBe(404)
  },
)
