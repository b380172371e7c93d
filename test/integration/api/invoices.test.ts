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
  await billing.plan({ code: 'pro', amountMinor: 3100n }, [
    {
      chargeModel: 'graduated',
      properties: {
        graduated_ranges: [
          { from_value: 0, to_value: 100, per_unit_amount: '0', flat_amount: '0' },
          { from_value: 101, to_value: null, per_unit_amount: '0.015', flat_amount: '1' },
        ],
      },
    },
  ])
  await billing.customer('acme', 'America/New_York')
  await billing.subscribe({ externalCustomerId: 'acme', planCode: 'pro', externalId: 's' })
  await billing.use('acme', 250, '2026-01-10T00:00:00Z')
})
afterAll(async () => {
  await api.stop()
  await billing.close()
})

const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

test('usage so far is priced now, without fees, in the running period', async () => {
  const { body } = await client.get('/subscriptions/s/current_usage')
  expect(body).toMatchObject({
    external_subscription_id: 's',
    external_customer_id: 'acme',
    currency: 'USD',
    as_of: '2026-01-01T00:00:00Z',
    // In New York it was still December when the subscription started.
    period_start: '2026-01-01T00:00:00Z',
    period_end: '2026-01-01T05:00:00Z',
    lines: [{ kind: 'usage', units: '0' }],
    total_cents: 0,
  })
  await billing.advanceTo('2026-01-15T00:00:00Z')
  const later = await client.get('/subscriptions/s/current_usage')
  expect(later.body).toMatchObject({
    period_start: '2026-01-01T05:00:00Z',
    period_end: '2026-02-01T05:00:00Z',
    // 100 free, then 1 + 150 × 0.015.
    lines: [{ kind: 'usage', units: '250', events_count: 1, amount: '3.25', amount_cents: 325 }],
    subtotal_cents: 325,
    total_cents: 325,
  })
})

test('an invoice is answered whole: a draft, then final with its number, and only once', async () => {
  await billing.advanceTo('2026-02-01T05:00:00Z')
  const drafts = await client.get('/invoices?status=draft&external_customer_id=acme&subscription_id=s')
  expect(drafts.body.data).toHaveLength(1)
  const [draft] = drafts.body.data
  expect(draft).toEqual({
    id: UUID,
    number: null,
    status: 'draft',
    payment_status: null,
    kind: 'subscription_cycle',
    external_customer_id: 'acme',
    subscription_id: UUID,
    issuer_code: 'default',
    corrects_invoice_id: null,
    currency: 'USD',
    period_start: '2026-01-01T05:00:00Z',
    period_end: '2026-02-01T05:00:00Z',
    subtotal_cents: 3425,
    tax_cents: 0,
    total_cents: 3425,
    issued_at: '2026-02-01T05:00:00Z',
    finalize_at: '2026-02-01T06:00:00Z',
    finalized_at: null,
    due_at: null,
    lines: [
      {
        id: UUID,
        kind: 'plan_fee',
        description: 'pro',
        charge_id: null,
        billable_metric_code: null,
        charge_model: null,
        charge_filter_id: null,
        grouped_by: {},
        adjustments: [],
        corrects_invoice_id: null,
        units: '1',
        events_count: 0,
        unit_amount: '31',
        amount: '31',
        amount_cents: 3100,
        period_start: '2026-01-01T05:00:00Z',
        period_end: '2026-02-01T05:00:00Z',
        proration: null,
        steps: [],
      },
      {
        id: UUID,
        kind: 'usage',
        description: 'Tokens',
        charge_id: UUID,
        billable_metric_code: 'tokens',
        charge_model: 'graduated',
        charge_filter_id: null,
        grouped_by: {},
        adjustments: [],
        corrects_invoice_id: null,
        units: '250',
        events_count: 1,
        unit_amount: '0.013',
        amount: '3.25',
        amount_cents: 325,
        period_start: '2026-01-01T05:00:00Z',
        period_end: '2026-02-01T05:00:00Z',
        proration: null,
        steps: [
          { from_value: '0', to_value: '100', units: '100', per_unit_amount: '0', flat_amount: '0', amount: '0' },
          {
            from_value: '100',
            to_value: null,
            units: '150',
            per_unit_amount: '0.015',
            flat_amount: '1',
            amount: '3.25',
          },
        ],
      },
    ],
  })
  await client.patch('/issuers/default', { net_payment_term_days: 30 })
  const final = await client.post(`/invoices/${draft.id}/finalize`)
  expect([final.status, final.body]).toEqual([
    200,
    {
      ...draft,
      status: 'finalized',
      number: expect.stringMatching(/^INV-\d{6}$/),
      payment_status: 'pending',
      finalize_at: null,
      finalized_at: '2026-02-01T05:00:00Z',
      due_at: '2026-03-03T05:00:00Z',
    },
  ])
  expect((await client.get(`/invoices/${draft.id}`)).body).toEqual(final.body)
  const again = await client.post(`/invoices/${draft.id}/finalize`)
  expect([again.status, again.body]).toEqual([
    409,
    { detail: `invoice ${draft.id} is finalized already`, code: 'invoice_not_draft' },
  ])
})

test('events are listed as they were counted, latest first, page by page', async () => {
  await billing.use('acme', 1, '2026-03-01T00:00:00Z')
  await billing.use('acme', 2, '2026-03-01T00:00:00Z')
  await billing.use('stranger', 3, '2026-03-01T00:00:00Z')
  const first = await client.get('/events?external_customer_id=acme&limit=1')
  const second = await client.get(`/events?external_customer_id=acme&limit=1&cursor=${first.body.next_cursor}`)
  const third = await client.get(`/events?external_customer_id=acme&limit=1&cursor=${second.body.next_cursor}`)
  const tokens = [first, second, third].map(({ body }) => body.data[0].properties.tokens)
  expect(new Set(tokens.slice(0, 2))).toEqual(new Set([1, 2]))
  expect(tokens[2]).toBe(250)
  expect(third.body.next_cursor).toBeNull()
  const unprocessed = await client.get('/events/unprocessed?external_customer_id=stranger')
  expect(unprocessed.body.data).toEqual([
    expect.objectContaining({ external_customer_id: 'stranger', reason: 'customer_not_found', code: 'tokens' }),
  ])
  expect((await client.get('/events/unprocessed?reason=value_missing')).body.data).toEqual([])
})

test('an unknown invoice is not found', async () => {
  const id = '00000000-0000-7000-8000-000000000000'
  for (const answer of [await client.get(`/invoices/${id}`), await client.post(`/invoices/${id}/finalize`)]) {
    expect([answer.status, answer.body]).toEqual([
      404,
      { detail: `no invoice has the id ${id}`, code: 'invoice_not_found' },
    ])
  }
  expect((await client.get('/invoices/none')).status).toBe(422)
})
