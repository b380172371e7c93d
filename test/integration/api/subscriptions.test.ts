import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient
let clockId: string

const NOW = '2026-02-10T12:00:00Z'

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  clockId = (await client.post('/test_clocks', { frozen_time: NOW })).body.id
  await client.post('/plans/', { code: 'monthly', name: 'M', interval: 'monthly', amount_cents: 1000 })
  await client.post('/plans/', { code: 'advance', name: 'A', interval: 'monthly', pay_in_advance: true })
  await client.post('/plans/', { code: 'euro', name: 'E', interval: 'monthly', currency: 'EUR' })
  await client.post('/plans/', {
    code: 'trial',
    name: 'T',
    interval: 'monthly',
    trial_period_days: 14,
    pay_in_advance: true,
  })
  await client.post('/customers', { external_id: 'acme', time_zone: 'America/New_York' })
})
afterAll(() => api.stop())

const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/)
const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

function subscribe(fields: Record<string, unknown> = {}) {
  return client.post('/subscriptions', { external_customer_id: 'acme', plan_code: 'monthly', ...fields })
}

/** The columns that tell the workers when to look. */
async function dueTimes(id: string): Promise<{ billing: string | null; lifecycle: string | null }> {
  const owner = new Client({ connectionString: api.config.databaseUrl, options: '-c timezone=UTC' })
  await owner.connect()
  try {
    const { rows } = await owner.query(
      `select to_char(next_billing_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as billing,
              to_char(next_lifecycle_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as lifecycle
       from tabkeeper.subscriptions where id = $1`,
      [id],
    )
    return rows[0]
  } finally {
    await owner.end()
  }
}

describe('the beginning', () => {
  test('a subscription starts now, in the running period of the zone of its customer', async () => {
    const created = await subscribe({ external_id: 'first' })
    expect(created.status).toBe(201)
    expect(created.body).toEqual({
      id: UUID,
      external_id: 'first',
      external_customer_id: 'acme',
      plan_code: 'monthly',
      plan_version: 1,
      name: null,
      status: 'active',
      billing_time: 'calendar',
      own_events_only: false,
      currency: 'USD',
      time_zone: 'America/New_York',
      started_at: NOW,
      ended_at: null,
      trial_ends_at: null,
      cancelled_at: null,
      current_period_start: NOW,
      current_period_end: '2026-03-01T05:00:00Z',
      price_overrides: null,
      created_at: TIME,
      updated_at: TIME,
    })
    expect((await client.get('/subscriptions/first')).body).toEqual(created.body)
    expect((await client.get(`/subscriptions/${created.body.id}`)).body).toEqual(created.body)
    expect(await dueTimes(created.body.id)).toEqual({ billing: '2026-03-01T05:00:00Z', lifecycle: null })
  })

  test('without an external id it is named by its own id', async () => {
    const { body } = await subscribe()
    expect(body.external_id).toBe(body.id)
  })

  test('the first subscription gives its customer a currency, and another currency is refused', async () => {
    expect((await client.get('/customers/acme')).body.currency).toBe('USD')
    const answer = await subscribe({ plan_code: 'euro' })
    expect([answer.status, answer.body]).toEqual([
      409,
      { detail: 'the customer "acme" is billed in USD, the plan "euro" in EUR', code: 'currency_mismatch' },
    ])
    const change = await client.patch('/customers/acme', { currency: 'EUR' })
    expect([change.status, change.body.code]).toEqual([409, 'currency_mismatch'])
  })

  test('one that starts in the past begins with the period that runs now', async () => {
    const { body } = await subscribe({ started_at: '2025-11-15T00:00:00-05:00' })
    expect(body).toMatchObject({
      status: 'active',
      started_at: '2025-11-15T05:00:00Z',
      current_period_start: '2026-02-01T05:00:00Z',
      current_period_end: '2026-03-01T05:00:00Z',
    })
  })

  test('an anniversary subscription keeps the day of its start', async () => {
    const { body } = await subscribe({ started_at: '2026-01-31T15:00:00Z', billing_time: 'anniversary' })
    expect(body).toMatchObject({
      current_period_start: '2026-01-31T15:00:00Z',
      current_period_end: '2026-02-28T05:00:00Z',
    })
  })

  test('one that starts later waits, and is looked at when it starts', async () => {
    const { body } = await subscribe({ started_at: '2026-04-01T00:00:00Z' })
    expect(body).toMatchObject({
      status: 'pending_activation',
      current_period_start: null,
      current_period_end: null,
    })
    expect(await dueTimes(body.id)).toEqual({ billing: null, lifecycle: '2026-04-01T00:00:00Z' })
  })

  test('a plan paid in advance is due at the start of the period', async () => {
    const { body } = await subscribe({ plan_code: 'advance' })
    expect(await dueTimes(body.id)).toEqual({ billing: NOW, lifecycle: null })
  })

  test.each([
    [{ external_customer_id: 'none' }, 404, 'customer_not_found'],
    [{ plan_code: 'none' }, 404, 'plan_not_found'],
    [{ external_id: 'first' }, 409, 'subscription_exists'],
    [{ ended_at: '2026-02-10T11:59:59Z' }, 422, 'validation_error'],
    [{ started_at: '2026-05-01T00:00:00Z', ended_at: '2026-04-01T00:00:00Z' }, 422, 'validation_error'],
    [{ started_at: '2026-02-30T00:00:00Z' }, 422, 'validation_error'],
    [{ started_at: '2026-02-10' }, 422, 'validation_error'],
    [{ trial_ends_at: NOW }, 422, 'validation_error'],
    [{ trial_ends_at: '2026-03-01T00:00:00Z', trial_period_days: 3 }, 422, 'validation_error'],
    [{ trial_period_days: -1 }, 422, 'validation_error'],
  ])('%j is refused with %i %s', async (fields, status, code) => {
    const answer = await subscribe(fields)
    expect([answer.status, answer.body.code]).toEqual([status, code])
  })

  test('a trial runs from the start for the days of the plan, or for those that are asked for', async () => {
    const first = await subscribe({ plan_code: 'trial', started_at: '2026-02-24T12:00:00Z', external_id: 'trying' })
    expect(first.body).toMatchObject({ status: 'pending_activation', trial_ends_at: '2026-03-10T11:00:00Z' })
    const own = await subscribe({ plan_code: 'trial', trial_ends_at: '2026-02-11T00:00:00Z' })
    expect(own.body).toMatchObject({ status: 'trial_active', trial_ends_at: '2026-02-11T00:00:00Z' })
    const due = { billing: '2026-02-11T00:00:00Z', lifecycle: '2026-02-11T00:00:00Z' }
    expect(await dueTimes(own.body.id)).toEqual(due)
    const longer = await subscribe({ plan_code: 'trial', trial_period_days: 30 })
    expect(longer.body).toMatchObject({ status: 'trial_active', trial_ends_at: '2026-03-12T11:00:00Z' })
    const none = await subscribe({ plan_code: 'trial', trial_period_days: 0 })
    expect(none.body).toMatchObject({ status: 'active', trial_ends_at: null })
    const added = await subscribe({ trial_period_days: 1 })
    expect(added.body).toMatchObject({ status: 'trial_active', trial_ends_at: '2026-02-11T12:00:00Z' })
  })

  test('cancelling during a free trial ends it with the trial, by default', async () => {
    await subscribe({ plan_code: 'trial', external_id: 'tried', trial_period_days: 60 })
    const cancelled = await client.post('/subscriptions/tried/cancel')
    expect(cancelled.body).toMatchObject({ status: 'trial_active', ended_at: '2026-04-11T11:00:00Z' })
    expect(await dueTimes(cancelled.body.id)).toMatchObject({ lifecycle: '2026-04-11T11:00:00Z' })
  })

  test('an archived plan takes no new subscriptions', async () => {
    await client.post('/plans/', { code: 'old', name: 'Old', interval: 'monthly' })
    await client.delete('/plans/old')
    const answer = await subscribe({ plan_code: 'old' })
    expect([answer.status, answer.body.code]).toEqual([409, 'plan_archived'])
  })

  test('two at once with one external id: one is created', async () => {
    const answers = await Promise.all([subscribe({ external_id: 'race' }), subscribe({ external_id: 'race' })])
    expect(answers.map(({ status }) => String(status)).sort()).toEqual(['201', '409'])
  })
})

describe('cancelling', () => {
  test('by default it runs until its period ends, and a second cancellation can end it now', async () => {
    const { id } = (await subscribe({ external_id: 'leaving' })).body
    const cancelled = await client.post('/subscriptions/leaving/cancel')
    expect(cancelled.body).toMatchObject({ status: 'active', ended_at: '2026-03-01T05:00:00Z', cancelled_at: NOW })
    expect(await dueTimes(id)).toMatchObject({ lifecycle: '2026-03-01T05:00:00Z' })
    const ended = await client.post('/subscriptions/leaving/cancel', { at: 'now' })
    expect(ended.body).toMatchObject({ ended_at: NOW, cancelled_at: NOW })
    expect(await dueTimes(id)).toMatchObject({ lifecycle: NOW })
    const later = await client.post('/subscriptions/leaving/cancel', { ended_at: '2026-02-20T00:00:00Z' })
    expect(later.body.ended_at).toBe(NOW)
  })

  test('one that has not started is cancelled at once, and its external id is free again', async () => {
    await subscribe({ external_id: 'never', started_at: '2026-04-01T00:00:00Z' })
    const cancelled = await client.post('/subscriptions/never/cancel', { at: 'now' })
    expect(cancelled.body).toMatchObject({ status: 'cancelled', cancelled_at: NOW, ended_at: '2026-04-01T00:00:00Z' })
    const again = await client.post('/subscriptions/never/cancel', {})
    expect([again.status, again.body.code]).toEqual([409, 'subscription_ended'])
    const reborn = await subscribe({ external_id: 'never' })
    expect(reborn.status).toBe(201)
    expect((await client.get('/subscriptions/never')).body.id).toBe(reborn.body.id)
  })

  test.each([
    [{ ended_at: '2026-02-10T11:00:00Z' }, 'datetime_order'],
    [{ at: 'now', ended_at: '2026-05-01T00:00:00Z' }, 'conflict'],
    [{ at: 'tomorrow' }, 'enum'],
  ])('%j is refused', async (body, type) => {
    const answer = await client.post('/subscriptions/first/cancel', body)
    expect([answer.status, answer.body.detail[0].type]).toEqual([422, type])
  })
})

test('lists are filtered by customer and status', async () => {
  await client.post('/customers', { external_id: 'lone' })
  const { body } = await subscribe({ external_customer_id: 'lone', started_at: '2026-09-01T00:00:00Z' })
  const list = async (query: string) =>
    (await client.get(`/subscriptions?${query}`)).body.data.map(({ id }: { id: string }) => id)
  expect(await list('external_customer_id=lone&status=pending_activation')).toEqual([body.id])
  expect(await list('external_customer_id=lone&status=active')).toEqual([])
  expect((await client.get('/subscriptions?status=dead')).status).toBe(422)
})

test('before anything is used, current usage names the charges of the running period at zero', async () => {
  const metric = await client.post('/billable_metrics', { code: 'calls', name: 'Calls', aggregation: 'count' })
  const charges = [{ billable_metric_id: metric.body.id, charge_model: 'standard', properties: { amount: '0.5' } }]
  await client.post('/plans/', { code: 'metered', name: 'Metered', interval: 'monthly', amount_cents: 900, charges })
  await subscribe({ plan_code: 'metered', external_id: 'metered' })
  const { body } = await client.get('/subscriptions/metered/current_usage')
  expect(body).toMatchObject({ period_start: NOW, period_end: '2026-03-01T05:00:00Z', as_of: NOW, total_cents: 0 })
  expect(
    body.lines.map(({ kind, units, charge_model }: Record<string, string>) => [kind, units, charge_model]),
  ).toEqual([['usage', '0', 'standard']])
})

describe('prices of its own', () => {
  async function planWithCharge(code: string): Promise<string> {
    const metric = await client.post('/billable_metrics', { code, name: code, aggregation: 'count' })
    const charges = [{ billable_metric_id: metric.body.id, charge_model: 'standard', properties: { amount: '0.5' } }]
    const plan = await client.post('/plans/', { code, name: code, interval: 'monthly', amount_cents: 900, charges })
    return plan.body.charges[0].id
  }

  test('are answered as they were written, and price current usage', async () => {
    const id = await planWithCharge('own')
    const charge = { id, properties: { amount: 0.1e1 }, invoice_display_name: 'Own' }
    const price_overrides = { amount_cents: 700, charges: [charge] }
    const created = await subscribe({ plan_code: 'own', external_id: 'own', price_overrides })
    expect(created.status).toBe(201)
    expect(created.body.price_overrides).toEqual(price_overrides)
    expect((await client.get('/subscriptions/own')).body.price_overrides).toEqual(price_overrides)
    const listed = (await client.get('/subscriptions?limit=1')).body.data[0]
    expect(listed.price_overrides).toEqual(price_overrides)
    const usage = (await client.get('/subscriptions/own/current_usage')).body
    expect(usage.lines.map(({ description }: { description: string }) => description)).toEqual(['Own'])
    const fee = await subscribe({ plan_code: 'own', price_overrides: { amount_cents: 0 } })
    expect(fee.body.price_overrides).toEqual({ amount_cents: 0, charges: [] })
  })

  test.each([
    [{ properties: { amount: '-1' } }, 'properties.amount'],
    [{ properties: {} }, 'properties.amount'],
    [{ properties: { amount: '1' }, id: '0199d2a4-6b1c-7c3e-9f5a-2d1b8e4f6a70' }, 'id'],
    [{ charge_model: 'package' }, 'charge_model'],
  ])('%j is refused where it stands', async (fields, place) => {
    const { body } = await client.get('/plans/own')
    const charges = [{ id: body.charges[0].id, ...fields }]
    const answer = await subscribe({ plan_code: 'own', price_overrides: { charges } })
    expect(answer.status).toBe(422)
    const places = answer.body.detail.map(({ loc }: { loc: unknown[] }) => loc.join('.'))
    expect(places).toEqual([`body.price_overrides.charges.0.${place}`])
  })

  test('those of filters are answered as they were written, and refused where they stand', async () => {
    const metric = await client.post('/billable_metrics', { code: 'zoned', name: 'Zoned', aggregation: 'count' })
    const region = await client.post('/billable_metrics/zoned/filters', { key: 'region', values: ['eu', 'us'] })
    const filters = [{ billable_metric_filter_id: region.body.id, values: ['eu'], properties: { amount: '2' } }]
    const priced = {
      billable_metric_id: metric.body.id,
      charge_model: 'standard',
      properties: { amount: '1' },
      filters,
    }
    const fields = { code: 'zoned', name: 'Zoned', interval: 'monthly', charges: [priced] }
    const [{ id, filters: sold }] = (await client.post('/plans/', fields)).body.charges
    const override = (...entries: object[]) => ({ amount_cents: null, charges: [{ id, filters: entries }] })
    const filter = { id: sold[0].id, properties: { amount: 0.5 }, invoice_display_name: 'Europe' }
    const created = await subscribe({ plan_code: 'zoned', external_id: 'zoned', price_overrides: override(filter) })
    const answered = { id, properties: null, invoice_display_name: null, filters: [filter] }
    expect(created.body.price_overrides).toEqual({ amount_cents: null, charges: [answered] })
    expect((await client.get('/subscriptions/zoned')).body).toEqual(created.body)
    const faulty = [
      { ...filter, id: metric.body.id },
      { ...filter, properties: { amount: '1', package_size: 3 } },
      filter,
    ]
    const refused = await subscribe({ plan_code: 'zoned', price_overrides: override(...faulty) })
    const loc = ['body', 'price_overrides', 'charges', 0, 'filters']
    expect([refused.status, refused.body.detail]).toEqual([
      422,
      [
        { loc: [...loc, 0, 'id'], msg: 'the charge has no filter with this id', type: 'unknown' },
        { loc: [...loc, 1, 'properties', 'package_size'], msg: expect.any(String), type: 'extra_forbidden' },
        { loc: [...loc, 2, 'id'], msg: 'is given twice', type: 'duplicate' },
      ],
    ])
  })
})

describe('test clocks', () => {
  test('an organization gets one, before its first subscription', async () => {
    const again = await client.post('/test_clocks', { frozen_time: NOW })
    expect([again.status, again.body.code]).toEqual([409, 'test_clock_exists'])
    const live = await api.client()
    await live.post('/plans/', { code: 'p', name: 'P', interval: 'monthly' })
    await live.post('/customers', { external_id: 'c' })
    await live.post('/subscriptions', { external_customer_id: 'c', plan_code: 'p' })
    const late = await live.post('/test_clocks', { frozen_time: NOW })
    expect([late.status, late.body.code]).toEqual([409, 'organization_is_live'])
  })

  test('it moves forward only, and one move at a time', async () => {
    expect((await client.get('/organization')).body.test_clock).toBe(clockId)
    const back = await client.post(`/test_clocks/${clockId}/advance`, { frozen_time: NOW })
    expect([back.status, back.body]).toEqual([
      422,
      { detail: `the test clock stands at ${NOW}; it only moves forward`, code: 'test_clock_backwards' },
    ])
    const moved = await client.post(`/test_clocks/${clockId}/advance`, { frozen_time: '2026-02-11T00:00:00.000001Z' })
    expect([moved.status, moved.body]).toEqual([
      202,
      {
        id: clockId,
        name: null,
        frozen_time: '2026-02-11T00:00:00.000001Z',
        status: 'advancing',
        created_at: TIME,
        updated_at: TIME,
      },
    ])
    expect((await client.get(`/test_clocks/${clockId}`)).body).toEqual(moved.body)
    const second = await client.post(`/test_clocks/${clockId}/advance`, { frozen_time: '2026-02-12T00:00:00Z' })
    expect([second.status, second.body.code]).toEqual([409, 'test_clock_advancing'])
  })
})
