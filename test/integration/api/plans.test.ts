import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient
let metricId: string

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  const metric = await client.post('/billable_metrics', {
    code: 'tokens',
    name: 'Tokens',
    aggregation: 'sum',
    field_name: 'tokens',
  })
  metricId = metric.body.id
})
afterAll(() => api.stop())

const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/)
const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
const NO_ID = '00000000-0000-7000-8000-000000000000'

const MODELS = [
  ['standard', { amount: '0.5' }],
  [
    'graduated',
    {
      graduated_ranges: [
        { from_value: 0, to_value: 10, per_unit_amount: '1', flat_amount: '5' },
        { from_value: 11, to_value: null, per_unit_amount: 0.5 },
      ],
    },
  ],
  ['volume', { volume_ranges: [{ from_value: 0, to_value: null, per_unit_amount: '2', flat_amount: '0' }] }],
  ['package', { amount: '3', package_size: 100, free_units: 10 }],
] as const

const BY_TEN = { operation: 'divide', factor: 10 }
const MATRIX = { dimensions: ['a', 'b'], prices: [{ values: ['x', 'y'], amount: '1' }] }

describe('creating a plan', () => {
  test('what is left out has the defaults of the page', async () => {
    const created = await client.post('/plans/', { code: 'small', name: 'Small', interval: 'monthly' })
    expect(created.status).toBe(201)
    expect(created.body).toEqual({
      id: UUID,
      code: 'small',
      name: 'Small',
      description: null,
      version: 1,
      interval: 'monthly',
      interval_count: null,
      interval_unit: null,
      amount_cents: 0,
      currency: 'USD',
      trial_period_days: 0,
      trial_kind: 'free',
      trial_usage: 'billed',
      late_usage: null,
      pay_in_advance: false,
      charges: [],
      archived_at: null,
      created_at: TIME,
      updated_at: TIME,
    })
    expect((await client.get('/plans/small')).body).toEqual(created.body)
  })

  test('every field is answered as it was sent', async () => {
    const sent = {
      code: 'full',
      name: 'Full',
      description: 'All of it',
      interval: 'quarterly',
      amount_cents: 9900,
      currency: 'EUR',
      trial_period_days: 14,
      trial_kind: 'paid',
      trial_usage: 'free',
      late_usage: 'note',
      pay_in_advance: true,
      charges: [],
    }
    const created = await client.post('/plans/', sent)
    const added = { interval_count: null, interval_unit: null, version: 1, archived_at: null }
    expect(created.body).toEqual({ ...sent, ...added, id: UUID, created_at: TIME, updated_at: TIME })
  })

  test.each(MODELS)('a charge of the model %s is read back as it was sent', async (model, sent) => {
    const charge = { billable_metric_id: metricId, charge_model: model, properties: sent, filters: [] }
    const created = await client.post('/plans/', {
      code: `with-${model}`,
      name: 'With',
      interval: 'weekly',
      charges: [charge],
    })
    expect(created.body.charges).toEqual([
      {
        id: UUID,
        plan_id: created.body.id,
        billable_metric_id: metricId,
        charge_model: model,
        properties: sent,
        filters: [],
        invoice_display_name: null,
        created_at: TIME,
        updated_at: TIME,
      },
    ])
  })

  test('a price keeps every digit of a JSON number', async () => {
    const body = `{"code":"digits","name":"D","interval":"yearly","charges":[{"billable_metric_id":"${metricId}",
      "charge_model":"standard","properties":{"amount":0.1234567890123456789012345}}]}`
    const created = await client.post('/plans/', body)
    expect(created.text).toContain('{"amount":0.1234567890123456789012345}')
    expect((await client.get('/plans/digits')).text).toBe(created.text)
  })

  test.each([
    ['standard', 'amount'],
    ['graduated', 'graduated_ranges'],
    ['volume', 'volume_ranges'],
    ['package', 'amount'],
    ['percentage', 'rate'],
    ['graduated_percentage', 'graduated_percentage_ranges'],
    ['custom', 'expression'],
  ])('the model %s without its properties is refused by the path of what is missing', async (model, property) => {
    const charges = [{ billable_metric_id: metricId, charge_model: model }]
    const answer = await client.post('/plans/', { code: 'x', name: 'X', interval: 'monthly', charges })
    expect([answer.status, answer.body.detail[0]]).toMatchObject([
      422,
      { loc: ['body', 'charges', 0, 'properties', property], type: 'missing' },
    ])
  })

  test.each([
    [{ windows: { size: 'fortnight' } }, ['windows', 'size'], 'enum'],
    [{ matrix: { dimensions: ['a', 'a'], prices: [] } }, ['matrix', 'dimensions'], 'duplicate_item'],
    [{ prorated: true }, ['prorated'], 'metric_unsupported'],
    [{ free_units: 1, matrix: MATRIX }, ['free_units'], 'not_combinable'],
    [{ unit_conversion: { ...BY_TEN, precision: 2 } }, ['unit_conversion', 'rounding_mode'], 'missing'],
    [
      { unit_conversion: { ...BY_TEN, precision: 0, rounding_mode: null } },
      ['unit_conversion', 'rounding_mode'],
      'missing',
    ],
  ])('the modifiers %j are refused by their path', async (modifiers, path, type) => {
    const charge = { billable_metric_id: metricId, charge_model: 'standard', properties: { amount: '1' }, ...modifiers }
    const answer = await client.post('/plans/', { code: 'x', name: 'X', interval: 'monthly', charges: [charge] })
    expect([answer.status, answer.body.detail?.[0]]).toMatchObject([
      422,
      { loc: ['body', 'charges', 0, ...path], type },
    ])
  })

  test('a metric or filter that does not exist answers 400', async () => {
    const charge = { billable_metric_id: NO_ID, charge_model: 'standard', properties: { amount: '1' } }
    const plan = { code: 'ref', name: 'Ref', interval: 'monthly' }
    const metric = await client.post('/plans/', { ...plan, charges: [charge] })
    expect([metric.status, metric.body]).toEqual([
      400,
      { detail: `no billable metric has the id ${NO_ID}`, code: 'invalid_reference' },
    ])
    const filters = [{ billable_metric_filter_id: NO_ID, values: ['eu'] }]
    const filter = await client.post('/plans/', {
      ...plan,
      charges: [{ ...charge, billable_metric_id: metricId, filters }],
    })
    expect([filter.status, filter.body]).toEqual([
      400,
      { detail: `the billable metric "Tokens" has no filter with the id ${NO_ID}`, code: 'invalid_reference' },
    ])
  })

  test('a code is taken once, and stays taken when its plan is archived', async () => {
    const plan = { code: 'taken', name: 'Taken', interval: 'monthly' }
    const conflict = [409, { detail: 'a plan with the code "taken" exists already', code: 'plan_exists' }]
    await client.post('/plans/', plan)
    const second = await client.post('/plans', plan)
    expect([second.status, second.body]).toEqual(conflict)
    expect((await client.delete('/plans/taken')).status).toBe(204)
    expect((await client.delete('/plans/taken')).status).toBe(204)
    const third = await client.post('/plans/', plan)
    expect([third.status, third.body]).toEqual(conflict)
    const listed = await client.get('/plans/?limit=100')
    expect(listed.body.data.map(({ code }: { code: string }) => code)).not.toContain('taken')
  })

  test('every fault of a request is named at its place', async () => {
    const answer = await client.post('/plans/', {
      name: '',
      interval: 'daily',
      amount_cents: '100',
      currency: 'EURO',
      surprise: 1,
      charges: [{ charge_model: 'cheap', billable_metric_id: 'x' }],
    })
    expect(answer.status).toBe(422)
    expect(answer.body.code).toBe('validation_error')
    const found = answer.body.detail.map(({ loc, type }: { loc: string[]; type: string }) => `${loc.join('.')} ${type}`)
    expect(found.sort()).toEqual([
      'body.amount_cents int_type',
      'body.charges.0.billable_metric_id uuid_parsing',
      'body.charges.0.charge_model enum',
      'body.code missing',
      'body.currency string_too_long',
      'body.interval enum',
      'body.name string_too_short',
      'body.surprise extra_forbidden',
    ])
  })

  test.each([
    [{ code: 'c'.repeat(256) }, 'body.code string_too_long'],
    [{ code: '' }, 'body.code string_too_short'],
    // Clients take these for steps through folders, so the plan could not be reached under them.
    [{ code: '.' }, 'body.code string_pattern_mismatch'],
    [{ code: '..' }, 'body.code string_pattern_mismatch'],
    [{ name: 'n'.repeat(256) }, 'body.name string_too_long'],
    [{ currency: 'US' }, 'body.currency string_too_short'],
    [{ currency: 'XX1' }, 'body.currency currency'],
    [{ amount_cents: -1 }, 'body.amount_cents greater_than_equal'],
    [{ amount_cents: 1.5 }, 'body.amount_cents int_type'],
    [{ amount_cents: null }, 'body.amount_cents int_type'],
    [{ trial_period_days: -1 }, 'body.trial_period_days greater_than_equal'],
    [{ name: 'a\u0000b' }, 'body.name string_unstorable'],
    [{ charges: {} }, 'body.charges list_type'],
  ])('%j is refused', async (fields, fault) => {
    const answer = await client.post('/plans/', { code: 'f', name: 'F', interval: 'monthly', ...fields })
    expect(answer.status).toBe(422)
    expect(
      answer.body.detail.map((issue: { loc: string[]; type: string }) => `${issue.loc.join('.')} ${issue.type}`),
    ).toEqual([fault])
  })
})

describe('simulating a plan', () => {
  test('a whole period is priced, fee and usage, with the steps of the price', async () => {
    await client.post('/plans/', {
      code: 'simulated',
      name: 'Simulated',
      interval: 'monthly',
      amount_cents: 1000,
      charges: [{ billable_metric_id: metricId, charge_model: MODELS[1][0], properties: MODELS[1][1] }],
    })
    const answer = await client.post('/plans/simulated/simulate', { units: { tokens: '20' } })
    expect(answer.status).toBe(200)
    // 10 × 1 + 5, then 10 × 0.5.
    expect(answer.body).toMatchObject({ currency: 'USD', subtotal_cents: 3000, total_cents: 3000 })
    expect(answer.body.lines.map((line: Record<string, unknown>) => [line['kind'], line['amount_cents']])).toEqual([
      ['plan_fee', 1000],
      ['usage', 2000],
    ])
    expect(answer.body.lines[1].steps.map(({ units, amount }: Record<string, string>) => [units, amount])).toEqual([
      ['10', '15'],
      ['10', '5'],
    ])
  })

  test('units of something that the plan does not charge are refused', async () => {
    await client.post('/plans/', { code: 'bare', name: 'Bare', interval: 'monthly' })
    const answer = await client.post('/plans/bare/simulate', { units: { tokens: 1, bytes: 'many' } })
    expect(answer.status).toBe(422)
    const missing = await client.post('/plans/none/simulate', {})
    expect([missing.status, missing.body]).toEqual([
      404,
      { detail: 'no plan has the code "none"', code: 'plan_not_found' },
    ])
  })
})
