import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiClient } from '../../support/api.ts'
import { startUsageApi, type UsageApi } from '../../support/usage-api.ts'

let usage: UsageApi
let client: ApiClient

beforeAll(async () => {
  usage = await startUsageApi()
  client = await usage.api.client({ timeZone: 'Europe/Berlin' })
  const sum = { aggregation: 'sum', field_name: 'usage.tokens', event_code: 'llm' }
  await client.post('/billable_metrics', { code: 'tokens', name: 'Tokens', ...sum })
  await client.post('/billable_metrics', {
    code: 'requests',
    name: 'Requests',
    aggregation: 'count',
    event_code: 'llm',
  })
  await usage.send(client, [
    event('acme', '2026-03-28T22:59:59.999999Z', { usage: { tokens: 1 }, model: { name: 'large' }, region: 'eu' }),
    event('acme', '2026-03-28T23:00:00Z', { usage: { tokens: '2.5' }, model: { name: 'large' }, region: 'us' }),
    event('acme', '2026-03-29T21:59:00Z', { usage: { tokens: 4 }, model: { name: 'small' }, region: 'eu' }),
    event('acme', '2026-03-29T22:00:00Z', { usage: { tokens: 8 }, region: 'eu' }),
    event('other', '2026-03-29T12:00:00Z', { usage: { tokens: 16 }, model: { name: 'large' }, region: 'eu' }),
    event('other', '2026-03-29T12:00:01Z', { usage: { tokens: 'many' }, model: { name: 'large' }, region: 'eu' }),
  ])
})
afterAll(() => usage.stop())

let sent = 0

function event(customer: string, timestamp: string, properties: object, about: object = {}) {
  sent += 1
  return { transaction_id: `t${sent}`, external_customer_id: customer, code: 'llm', timestamp, properties, ...about }
}

function ask(query: string): ReturnType<ApiClient['get']> {
  return client.get(`/usage?billable_metric_code=tokens&${query}`)
}

/** Each row in short: window, what it is told apart by, units and events. */
async function rows(query: string): Promise<string[]> {
  const { status, body } = await ask(query)
  expect([status, body.detail]).toEqual([200, undefined])
  return body.data.map((row: Record<string, string>) =>
    [
      row['window_start'],
      row['external_customer_id'] ?? '*',
      ...Object.values(row['groups'] ?? {}),
      `${row['units']}/${row['events_count']}`,
    ].join(' '),
  )
}

describe('a report', () => {
  test('says what was asked, and has one row for the whole range', async () => {
    const { body } = await ask('from=2026-03-28T00:00:00Z&to=2026-04-01T00:00:00%2B02:00')
    expect(body).toEqual({
      billable_metric_code: 'tokens',
      from: '2026-03-28T00:00:00Z',
      to: '2026-03-31T22:00:00Z',
      window: null,
      time_zone: 'Europe/Berlin',
      rebuilding: null,
      data: [
        {
          window_start: '2026-03-28T00:00:00Z',
          window_end: '2026-03-31T22:00:00Z',
          external_customer_id: null,
          external_subscription_id: null,
          groups: {},
          units: '31.5',
          events_count: 5,
        },
      ],
    })
  })

  test('has days of the zone, 23 hours long where clocks go forward', async () => {
    expect(await rows('window=day&external_customer_id=acme')).toEqual([
      '2026-03-27T23:00:00Z acme 1/1',
      '2026-03-28T23:00:00Z acme 6.5/2',
      '2026-03-29T22:00:00Z acme 8/1',
    ])
    expect(await rows('window=day&time_zone=UTC')).toEqual([
      '2026-03-28T00:00:00Z * 3.5/2',
      '2026-03-29T00:00:00Z * 28/3',
    ])
    expect(await rows('window=month')).toEqual(['2026-02-28T23:00:00Z * 31.5/5'])
    expect(await rows('window=week&time_zone=UTC')).toEqual(['2026-03-23T00:00:00Z * 31.5/5'])
  })

  test('counts what lies in the range, which does not hold its end, in windows that are named whole', async () => {
    expect(await rows('window=hour&from=2026-03-28T23:00:00Z&to=2026-03-29T21:59:00Z')).toEqual([
      '2026-03-28T23:00:00Z * 2.5/1',
      '2026-03-29T12:00:00Z * 16/1',
    ])
    expect(await rows('window=minute&from=2026-03-29T12:00:00.5Z&to=2026-03-29T21:59:30Z')).toEqual([
      '2026-03-29T21:59:00Z * 4/1',
    ])
  })

  test('groups by customer and by any property, however deep; what is absent reads as empty', async () => {
    const query = 'group_by=external_customer_id&group_by=model.name&from=2026-03-28T00:00:00Z'
    expect(await rows(query)).toEqual([
      '2026-03-28T00:00:00Z acme  8/1',
      '2026-03-28T00:00:00Z acme large 3.5/2',
      '2026-03-28T00:00:00Z acme small 4/1',
      '2026-03-28T00:00:00Z other large 16/1',
    ])
  })

  test('keeps what every filter keeps; values of one filter are alternatives', async () => {
    const range = 'from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z'
    expect(await rows(`${range}&filter[region]=eu&filter[model.name]=large&filter[model.name]=small`)).toEqual([
      '2026-03-01T00:00:00Z * 21/3',
    ])
    expect(await rows(`${range}&filter[model.name]=`)).toEqual(['2026-03-01T00:00:00Z * 8/1'])
    expect(await rows(`${range}&filter[region]=nowhere`)).toEqual([])
  })

  test('counts to zero, and has no row where there is nothing to add up', async () => {
    const range = 'from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z'
    const { body } = await client.get(`/usage?billable_metric_code=requests&${range}`)
    expect(body.data).toMatchObject([{ units: '0', events_count: 0, window_start: '2020-01-01T00:00:00Z' }])
    expect(await rows(range)).toEqual([])
    expect(await rows(`${range}&external_customer_id=nobody`)).toEqual([])
  })

  test('shows only the organization of the key', async () => {
    const stranger = await usage.api.client()
    const unknown = await stranger.get('/usage?billable_metric_code=tokens')
    expect([unknown.status, unknown.body.code]).toEqual([404, 'billable_metric_not_found'])
    await stranger.post('/billable_metrics', { code: 'requests', name: 'R', aggregation: 'count', event_code: 'llm' })
    const { body } = await stranger.get('/usage?billable_metric_code=requests&external_customer_id=acme')
    expect(body.data).toEqual([])
  })
})

describe('subscriptions', () => {
  test('have the usage that names them and their share of what names only the customer', async () => {
    const metric = (await client.get('/billable_metrics/tokens')).body
    await client.post('/customers', { external_id: 'shared' })
    const charge = { billable_metric_id: metric.id, charge_model: 'standard', properties: { amount: '1' } }
    await client.post('/plans/', { code: 'charging', name: 'C', interval: 'monthly', charges: [charge] })
    await client.post('/plans/', { code: 'flat', name: 'F', interval: 'monthly' })
    const start = '2026-01-01T00:00:00Z'
    for (const [external_id, plan_code, started_at] of [
      ['first-but-flat', 'flat', start],
      ['payer', 'charging', '2026-01-10T00:00:00Z'],
      ['late', 'charging', '2026-01-20T00:00:00Z'],
    ]) {
      const body = { external_customer_id: 'shared', external_id, plan_code, started_at }
      expect((await client.post('/subscriptions', body)).status).toBe(201)
    }
    const at = (day: number, tokens: number, about: object = {}) =>
      event('shared', `2026-01-${day}T12:00:00Z`, { usage: { tokens } }, about)
    await usage.send(client, [
      at(10, 2),
      at(25, 4),
      at(26, 8, { external_subscription_id: 'late' }),
      event('shared', '2026-01-09T12:00:00Z', { usage: { tokens: 1 } }),
    ])
    const all = await ask('external_customer_id=shared&group_by=external_subscription_id')
    const short = ({ data }: { data: Record<string, string>[] }) =>
      data.map((row) => `${row['external_subscription_id']} ${row['units']}`).toSorted()
    expect(short(all.body)).toEqual(['late 8', 'null 1', 'payer 6'])
    expect(short((await ask('external_subscription_id=payer')).body)).toEqual(['payer 6'])
    expect(short((await ask('external_subscription_id=first-but-flat')).body)).toEqual([])
  })
})

describe('as CSV', () => {
  test('has a header, quotes what needs it, and starts no formula', async () => {
    const evil = await usage.api.client()
    await evil.post('/billable_metrics', { code: 'n', name: 'N', aggregation: 'sum', field_name: 'v' })
    const events = ['=1+1', 'a "b", c', '-5', '@x', 'line\nbreak'].map((label, index) => ({
      transaction_id: `${index}`,
      external_customer_id: '+evil',
      code: 'n',
      timestamp: '2026-01-01T00:00:00Z',
      properties: { v: -index, label },
    }))
    await usage.send(evil, events)
    const answer = await evil.get(
      '/usage?billable_metric_code=n&external_customer_id=%2Bevil&group_by=label&format=csv',
    )
    expect(answer.headers.get('content-type')).toMatch(/^text\/csv/)
    const time = '2026-01-01T00:00:00Z,2026-01-01T00:01:00Z'
    expect(answer.text).toBe(
      [
        'window_start,window_end,external_customer_id,label,units,events_count',
        `${time},'+evil,-5,-2,1`,
        `${time},'+evil,'=1+1,0,1`,
        `${time},'+evil,'@x,-3,1`,
        `${time},'+evil,"a ""b"", c",-1,1`,
        `${time},'+evil,"line\nbreak",-4,1`,
        '',
      ].join('\r\n'),
    )
  })

  test('is also what Accept asks for', async () => {
    const headers = { authorization: `Bearer ${client.apiKey}`, accept: 'text/csv' }
    const path =
      '/v1/usage?billable_metric_code=tokens&external_customer_id=acme&from=2026-03-29T22:00:00Z&to=2026-03-30T00:00:00Z'
    const csv = await usage.api.request(path, { headers })
    expect(csv.text).toBe(
      'window_start,window_end,external_customer_id,units,events_count\r\n' +
        '2026-03-29T22:00:00Z,2026-03-30T00:00:00Z,acme,8,1\r\n',
    )
    const json = await usage.api.request(`${path}&format=json`, { headers })
    expect(json.body.data).toHaveLength(1)
  })
})

describe('what is refused', () => {
  test.each([
    ['from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z', 'to', 'range_empty'],
    ['from=yesterday', 'from', 'datetime_parsing'],
    ['time_zone=Mars%2FBase', 'time_zone', 'time_zone'],
    ['time_zone=%2B02:00', 'time_zone', 'time_zone'],
    ['window=year', 'window', 'enum'],
    ['group_by=a..b', 'group_by', 'field_path'],
    ['filter[]=x', 'filter[]', 'extra_forbidden'],
    ['filter[$]=x', 'filter', 'field_path'],
    ['fliter[region]=eu', 'fliter[region]', 'extra_forbidden'],
  ])('%s', async (query, field, type) => {
    const { status, body } = await ask(query)
    expect([status, body.code]).toEqual([422, 'validation_error'])
    expect(body.detail).toContainEqual({ loc: ['query', field], msg: expect.any(String), type })
  })

  test('more windows than a report may have, with what would help', async () => {
    const { status, body } = await ask('window=minute&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z')
    expect([status, body.code]).toEqual([422, 'usage_report_too_large'])
    expect(body.detail).toContain('50000 windows of a minute; ask for a shorter range')
  })
})

test('a key of one customer sees its own usage and no other', async () => {
  const { body } = await client.post('/api_keys', { name: 'K', scopes: ['read'], external_customer_id: 'acme' })
  const own = usage.api.clientOf({ ...client, apiKey: body.key })
  const report = await own.get('/usage?billable_metric_code=tokens')
  expect(report.body.data).toMatchObject([{ external_customer_id: 'acme', units: '15.5' }])
  const refused = await own.get(
    '/usage?billable_metric_code=tokens&external_customer_id=acme&external_customer_id=other',
  )
  expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
})

test('while events from before the metric are being counted, the answer says how far that is', async () => {
  const metric = await client.post('/billable_metrics', {
    code: 'late',
    name: 'Late',
    aggregation: 'sum',
    field_name: 'usage.tokens',
    event_code: 'llm',
  })
  expect(metric.status).toBe(201)
  const { body } = await client.get('/usage?billable_metric_code=late')
  expect(body.rebuilding).toEqual({ counted_customers: 0, customers: expect.any(Number) })
  const csv = await client.get('/usage?billable_metric_code=late&format=csv')
  expect(csv.headers.get('x-rebuilding')).toMatch(/^0\/\d+$/)
})
