import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient
let metricId: string
let region: string
let size: string
let foreign: string

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  metricId = (await client.post('/billable_metrics', { code: 'hours', name: 'Hours', aggregation: 'count' })).body.id
  await client.post('/billable_metrics', { code: 'other', name: 'Other', aggregation: 'count' })
  region = (await client.post('/billable_metrics/hours/filters', { key: 'region', values: ['eu', 'us'] })).body.id
  size = (await client.post('/billable_metrics/hours/filters', { key: 'size', values: ['s', 'm', 'l'] })).body.id
  foreign = (await client.post('/billable_metrics/other/filters', { key: 'region', values: ['eu'] })).body.id
})
afterAll(() => api.stop())

const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/)
const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
const NO_ID = '00000000-0000-7000-8000-000000000000'

function planWith(code: string, filters: readonly object[]) {
  const charge = { billable_metric_id: metricId, charge_model: 'standard', properties: { amount: '1' }, filters }
  return client.post('/plans/', { code, name: code, interval: 'monthly', charges: [charge] })
}

describe('filters of a metric', () => {
  test('a filter is created, read and listed', async () => {
    await client.post('/billable_metrics', { code: 'calls', name: 'Calls', aggregation: 'count' })
    const created = await client.post('/billable_metrics/calls/filters', {
      key: 'http.method',
      values: ['GET', 'POST'],
    })
    expect(created.status).toBe(201)
    expect(created.body).toEqual({
      id: UUID,
      billable_metric_id: UUID,
      key: 'http.method',
      values: ['GET', 'POST'],
      created_at: TIME,
      updated_at: TIME,
    })
    expect((await client.get(`/billable_metrics/calls/filters/${created.body.id}`)).body).toEqual(created.body)
    const listed = await client.get('/billable_metrics/calls/filters')
    expect(listed.body).toEqual({ data: [created.body], next_cursor: null })
  })

  test('a metric has one filter per key; another metric may use the key too', async () => {
    const second = await client.post('/billable_metrics/hours/filters', { key: 'region', values: ['ap'] })
    expect([second.status, second.body]).toEqual([
      409,
      { detail: 'the billable metric "hours" has a filter on "region" already', code: 'billable_metric_filter_exists' },
    ])
    expect(foreign).toEqual(UUID)
  })

  test('a filter of another metric, and of an unknown one, is not found', async () => {
    const other = await client.get(`/billable_metrics/hours/filters/${foreign}`)
    expect([other.status, other.body.code]).toEqual([404, 'billable_metric_filter_not_found'])
    const unknown = await client.post('/billable_metrics/none/filters', { key: 'a', values: ['b'] })
    expect([unknown.status, unknown.body.code]).toEqual([404, 'billable_metric_not_found'])
  })

  test.each([
    [{ key: 'k', values: [] }, 'body.values too_short'],
    [{ key: 'k', values: ['a', 'a'] }, 'body.values.1 duplicate_item'],
    [{ key: 'a..b', values: ['a'] }, 'body.key field_path'],
    [{ key: '', values: ['a'] }, 'body.key string_too_short'],
  ])('%j is refused', async (body, fault) => {
    const answer = await client.post('/billable_metrics/hours/filters', body)
    expect(answer.status).toBe(422)
    const [issue] = answer.body.detail
    expect(`${issue.loc.join('.')} ${issue.type}`).toBe(fault)
  })
})

describe('filters of a charge', () => {
  test('they are read back as they were written, in their order', async () => {
    const filters = [
      {
        billable_metric_filter_id: region,
        values: ['us', 'eu'],
        properties: { amount: '0.50' },
        invoice_display_name: 'West',
      },
      {
        billable_metric_filter_id: region,
        values: ['eu'],
        properties: { amount: '0.70', pricing_group_keys: ['zone'] },
        and: [{ billable_metric_filter_id: size, values: ['l'] }],
      },
      { billable_metric_filter_id: size },
    ]
    const created = await planWith('filtered', filters)
    expect(created.status).toBe(201)
    expect(created.body.charges[0].filters).toEqual([
      { ...filters[0], id: UUID, and: [] },
      { ...filters[1], id: UUID, invoice_display_name: null },
      { ...filters[2], id: UUID, values: [], properties: {}, invoice_display_name: null, and: [] },
    ])
    expect((await client.get('/plans/filtered')).body).toEqual(created.body)
    const listed = await client.get('/plans/?limit=100')
    expect(listed.body.data).toContainEqual(created.body)
  })

  test.each([
    ['that does not exist', () => NO_ID],
    ['of another metric', () => foreign],
  ])('a filter %s answers 400', async (_name, id) => {
    const answer = await planWith('x', [{ billable_metric_filter_id: id(), properties: { amount: '1' } }])
    expect([answer.status, answer.body]).toEqual([
      400,
      { detail: `the billable metric "Hours" has no filter with the id ${id()}`, code: 'invalid_reference' },
    ])
  })

  test('prices that depend on single events are refused where a modifier of the charge works on units', async () => {
    const properties = { rate: '1', per_transaction_max_amount: '5' }
    const filters = [{ billable_metric_filter_id: region, properties }]
    const charge = { billable_metric_id: metricId, charge_model: 'percentage', properties: { rate: '2' }, filters }
    const fields = { code: 'x', name: 'X', interval: 'monthly', charges: [{ ...charge, free_units: '3' }] }
    const { status, body } = await client.post('/plans/', fields)
    const msg = 'free_units does not go with a price that depends on single events'
    const loc = ['body', 'charges', 0, 'filters', 0, 'properties']
    expect([status, body.detail]).toEqual([422, [{ loc, msg, type: 'not_combinable' }]])
  })

  test('every fault is named at its place', async () => {
    const eu = { billable_metric_filter_id: region, values: ['eu'], properties: { amount: '1' } }
    const answer = await planWith('x', [
      eu,
      { ...eu, and: [] },
      { ...eu, values: ['ap', 'eu', 'eu'] },
      { ...eu, properties: { amount: '-1' } },
      { ...eu, and: [{ billable_metric_filter_id: region }, { billable_metric_filter_id: size, values: ['xl'] }] },
      { billable_metric_filter_id: size, values: ['s', 'm', 'l'] },
      { billable_metric_filter_id: size },
    ])
    expect(answer.status).toBe(422)
    const faults = answer.body.detail.map(
      ({ loc, type }: { loc: string[]; type: string }) => `${loc.slice(4).join('.')} ${type}`,
    )
    expect(faults).toEqual([
      '1 duplicate_item',
      '2.values.0 unknown_value',
      '2.values.2 duplicate_item',
      '3 duplicate_item',
      '3.properties.amount greater_than_equal',
      '4.and.0.billable_metric_filter_id duplicate_item',
      '4.and.1.values.0 unknown_value',
      '6 duplicate_item',
    ])
  })
})

test('usage says that it is being counted anew after a plan has come to price it by another property', async () => {
  const fresh = await api.client()
  const metric = await fresh.post('/billable_metrics', { code: 'calls', name: 'Calls', aggregation: 'count' })
  await fresh.post('/customers', { external_id: 'acme' })
  const subscribe = async (code: string, properties: object) => {
    const charges = [{ billable_metric_id: metric.body.id, charge_model: 'standard', properties }]
    expect((await fresh.post('/plans/', { code, name: code, interval: 'monthly', charges })).status).toBe(201)
    const subscription = await fresh.post('/subscriptions', { external_customer_id: 'acme', plan_code: code })
    return (await fresh.get(`/subscriptions/${subscription.body.id}/current_usage`)).body.rebuilding
  }
  expect(await subscribe('plain', { amount: '1' })).toBeNull()
  expect(await subscribe('grouped', { amount: '1', pricing_group_keys: ['route'] })).toEqual({
    counted_customers: 0,
    customers: 1,
  })
})
