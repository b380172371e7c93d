import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient
let metricId: string

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  metricId = (await client.post('/billable_metrics', { code: 'calls', name: 'Calls', aggregation: 'count' })).body.id
})
afterAll(() => api.stop())

const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/)
const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

async function createPlan(code: string, fields: Record<string, unknown> = {}) {
  const charges = [
    {
      billable_metric_id: metricId,
      charge_model: 'standard',
      properties: { amount: '0.10' },
      invoice_display_name: 'C',
    },
  ]
  const plan = { code, name: code, interval: 'monthly', amount_cents: 1000, charges, ...fields }
  return (await client.post('/plans/', plan)).body
}

async function subscribe(plan: string): Promise<number> {
  const customer = `of-${plan}-${Math.random()}`
  await client.post('/customers', { external_id: customer })
  return (await client.post('/subscriptions', { external_customer_id: customer, plan_code: plan })).body.plan_version
}

async function versions(code: string): Promise<[number, string, number][]> {
  const { body } = await client.get(`/plans/${code}/versions`)
  return body.data.map((version: Record<string, unknown>) => [
    version['version'],
    version['status'],
    version['amount_cents'],
  ])
}

describe('a change of terms', () => {
  test('makes a version for those who come; who is there keeps the old one', async () => {
    const before = await createPlan('raised')
    await client.post('/customers', { external_id: 'early' })
    await client.post('/subscriptions', { external_customer_id: 'early', plan_code: 'raised', external_id: 'early' })
    const raised = await client.patch('/plans/raised', { amount_cents: 1500 })
    expect(raised.status).toBe(200)
    expect(raised.body).toEqual({
      ...before,
      amount_cents: 1500,
      version: 2,
      charges: [{ ...before.charges[0], id: UUID, created_at: TIME, updated_at: TIME }],
      updated_at: TIME,
    })
    expect(await subscribe('raised')).toBe(2)
    expect((await client.get('/subscriptions/early')).body.plan_version).toBe(1)
    expect(await versions('raised')).toEqual([
      [2, 'published', 1500],
      [1, 'published', 1000],
    ])
    const first = await client.get('/plans/raised/versions/1')
    expect(first.body).toMatchObject({ plan_id: before.id, amount_cents: 1000, charges: before.charges })
  })

  test('a name is no term, and the same terms twice are one version', async () => {
    await createPlan('same')
    const named = await client.patch('/plans/same', { name: 'Other', description: 'About', amount_cents: 1000 })
    expect(named.body).toMatchObject({ name: 'Other', description: 'About', version: 1 })
    const cleared = await client.patch('/plans/same', { description: null })
    expect(cleared.body).toMatchObject({ name: 'Other', description: null, version: 1 })
    await client.patch('/plans/same', { currency: 'EUR', pay_in_advance: true })
    const again = await client.patch('/plans/same', { currency: 'EUR', pay_in_advance: true })
    expect(again.body).toMatchObject({ currency: 'EUR', pay_in_advance: true, version: 2 })
  })

  test('a replacement gives what is left out its default, and made twice it is one version', async () => {
    const before = await createPlan('replaced', { trial_period_days: 7 })
    const body = { name: 'Replaced', interval: 'yearly', amount_cents: 9900 }
    const replaced = await client.put('/plans/replaced', body)
    expect(replaced.body).toEqual({
      ...before,
      ...body,
      version: 2,
      trial_period_days: 0,
      charges: [],
      updated_at: TIME,
    })
    expect((await client.put('/plans/replaced', { ...body, code: 'replaced' })).body.version).toBe(2)
    const renamed = await client.put('/plans/replaced', { ...body, code: 'new' })
    expect(renamed.body.detail).toEqual([{ loc: ['body', 'code'], msg: expect.any(String), type: 'immutable' }])
  })

  test('changes at once get numbers without a gap', async () => {
    await createPlan('busy')
    const amounts = Array.from({ length: 8 }, (_, index) => 2000 + index)
    const answers = await Promise.all(amounts.map((amount) => client.patch('/plans/busy', { amount_cents: amount })))
    expect(answers.map(({ body }) => body.version).toSorted((one, other) => one - other)).toEqual([
      2, 3, 4, 5, 6, 7, 8, 9,
    ])
    const last = answers.find(({ body }) => body.version === 9)
    expect((await client.get('/plans/busy')).body).toEqual(last?.body)
  })

  test('terms are checked as those of a new plan, and a refusal changes nothing', async () => {
    const before = await createPlan('checked')
    const charges = [{ billable_metric_id: metricId, charge_model: 'standard', properties: {} }]
    const answer = await client.patch('/plans/checked', { name: 'Lost', charges })
    expect([answer.status, answer.body.detail[0].loc]).toEqual([422, ['body', 'charges', 0, 'properties', 'amount']])
    expect((await client.get('/plans/checked')).body).toEqual(before)
    expect((await client.patch('/plans/nowhere', { name: 'x' })).status).toBe(404)
  })

  test('an archived plan can be renamed, but has no new terms', async () => {
    await createPlan('closed')
    await client.delete('/plans/closed')
    expect((await client.patch('/plans/closed', { name: 'Closed' })).body).toMatchObject({ archived_at: TIME })
    const answer = await client.patch('/plans/closed', { amount_cents: 1 })
    expect([answer.status, answer.body.code]).toEqual([409, 'plan_archived'])
    expect((await client.post('/plans/closed/versions', { amount_cents: 1 })).status).toBe(409)
  })
})

describe('drafts', () => {
  test('a draft starts from the terms that are sold, and is sold once it is published', async () => {
    const plan = await createPlan('drafted')
    const draft = await client.post('/plans/drafted/versions', { amount_cents: 2000 })
    expect(draft.status).toBe(201)
    expect(draft.body).toEqual({
      id: UUID,
      plan_id: plan.id,
      plan_code: 'drafted',
      version: 2,
      status: 'draft',
      interval: 'monthly',
      interval_count: null,
      interval_unit: null,
      amount_cents: 2000,
      currency: 'USD',
      trial_period_days: 0,
      trial_kind: 'free',
      trial_usage: 'billed',
      pay_in_advance: false,
      charges: [{ ...plan.charges[0], id: UUID, created_at: TIME, updated_at: TIME }],
      published_at: null,
      created_at: TIME,
    })
    expect((await client.get('/plans/drafted')).body).toEqual(plan)
    expect(await subscribe('drafted')).toBe(1)
    const published = await client.post('/plans/drafted/versions/2/publish')
    expect(published.body).toEqual({ ...draft.body, status: 'published', published_at: TIME })
    expect((await client.post('/plans/drafted/versions/2/publish')).body).toEqual(published.body)
    expect((await client.get('/plans/drafted')).body.version).toBe(2)
    expect(await subscribe('drafted')).toBe(2)
  })

  test('the version published last is sold, whatever its number', async () => {
    await createPlan('overtaken')
    await client.post('/plans/overtaken/versions', { amount_cents: 2000 })
    await client.patch('/plans/overtaken', { amount_cents: 3000 })
    expect((await client.get('/plans/overtaken')).body).toMatchObject({ version: 3, amount_cents: 3000 })
    await client.post('/plans/overtaken/versions/2/publish')
    expect((await client.get('/plans/overtaken')).body).toMatchObject({ version: 2, amount_cents: 2000 })
    await client.post('/plans/overtaken/versions/1/publish')
    expect((await client.get('/plans/overtaken')).body.version).toBe(2)
  })

  test('an unknown version is not found', async () => {
    await createPlan('short')
    for (const answer of [
      await client.get('/plans/short/versions/2'),
      await client.post('/plans/short/versions/2/publish'),
    ]) {
      expect([answer.status, answer.body]).toEqual([
        404,
        { detail: 'the plan has no version 2', code: 'plan_version_not_found' },
      ])
    }
    expect((await client.get('/plans/short/versions/x')).status).toBe(422)
  })
})

describe('intervals of any length', () => {
  test.each([
    [
      { interval: 'weekly', interval_unit: 'day', interval_count: 10 },
      { interval_count: 10, interval_unit: 'day' },
    ],
    [
      { interval: 'monthly', interval_unit: 'year' },
      { interval_count: 1, interval_unit: 'year' },
    ],
    [
      { interval: 'quarterly', interval_count: 2 },
      { interval_count: 6, interval_unit: 'month' },
    ],
  ])('%j is answered as %j beside its name', async (fields, answered) => {
    const plan = await createPlan(JSON.stringify(fields), fields)
    expect(plan).toMatchObject({ interval: fields.interval, ...answered })
    const kept = await client.patch(`/plans/${encodeURIComponent(plan.code)}`, { amount_cents: 1 })
    expect(kept.body).toMatchObject({ version: 2, interval: fields.interval, ...answered })
    const named = await client.patch(`/plans/${encodeURIComponent(plan.code)}`, { interval: 'monthly' })
    expect(named.body).toMatchObject({ interval: 'monthly', interval_count: null, interval_unit: null })
  })

  test('a subscription has periods of that length, counted from its start or from the calendar', async () => {
    const own = await api.client()
    await own.post('/test_clocks', { frozen_time: '2026-02-10T12:00:00Z' })
    await own.post('/plans/', { code: 'ten', name: 'T', interval: 'weekly', interval_unit: 'day', interval_count: 10 })
    await own.post('/customers', { external_id: 'c' })
    const subscription = { external_customer_id: 'c', plan_code: 'ten', billing_time: 'anniversary' }
    expect((await own.post('/subscriptions', subscription)).body).toMatchObject({
      current_period_start: '2026-02-10T12:00:00Z',
      current_period_end: '2026-02-20T00:00:00Z',
    })
  })

  test.each([{ interval_count: 0 }, { interval_count: 367 }, { interval_unit: 'hour' }])(
    '%j is refused',
    async (fields) => {
      const answer = await client.post('/plans/', { code: 'i', name: 'I', interval: 'monthly', ...fields })
      expect(answer.status).toBe(422)
    },
  )
})
