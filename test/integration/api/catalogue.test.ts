import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
})
afterAll(() => api.stop())

const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/)
const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

describe('organization and issuers', () => {
  test('the organization of the key is answered and updated', async () => {
    const own = await api.client({ name: 'Acme' })
    const answer = {
      id: UUID,
      name: 'Acme',
      currency: 'USD',
      time_zone: 'UTC',
      late_usage: 'next_invoice',
      test_clock: null,
      created_at: TIME,
    }
    expect((await own.get('/organization')).body).toEqual(answer)
    const updated = await own.patch('/organization', { time_zone: 'America/St_Johns', currency: 'EUR' })
    expect(updated.body).toEqual({ ...answer, time_zone: 'America/St_Johns', currency: 'EUR' })
  })

  test.each([
    ['time_zone', '+02:00', 'time_zone'],
    ['time_zone', 'Europe/Nowhere', 'time_zone'],
    ['currency', 'XX1', 'currency'],
    ['currency', 'usd', 'currency'],
  ])('an organization takes no %s %s', async (field, value, type) => {
    const answer = await client.patch('/organization', { [field]: value })
    expect(answer.status).toBe(422)
    expect(answer.body.detail).toEqual([{ loc: ['body', field], msg: expect.any(String), type }])
  })

  test('the default issuer keeps invoices as drafts for an hour, and its terms can be changed', async () => {
    const issuer = {
      id: UUID,
      code: 'default',
      name: 'Test',
      is_default: true,
      grace_period_seconds: 3600,
      net_payment_term_days: 0,
      invoice_number_prefix: 'INV-',
      credit_note_number_prefix: 'CN-',
      created_at: TIME,
      updated_at: TIME,
    }
    expect((await client.get('/issuers')).body).toEqual({ data: [issuer], next_cursor: null })
    expect((await client.get('/issuers/default')).body).toEqual(issuer)
    const changed = await client.patch('/issuers/default', { grace_period_seconds: 0, net_payment_term_days: 30 })
    expect(changed.body).toEqual({ ...issuer, grace_period_seconds: 0, net_payment_term_days: 30 })
    expect((await client.patch('/issuers/none', { name: 'x' })).body).toEqual({
      detail: 'no issuer has the code "none"',
      code: 'issuer_not_found',
    })
  })
})

describe('billable metrics', () => {
  test('a metric reads events of its own code unless told otherwise', async () => {
    const created = await client.post('/billable_metrics', { code: 'requests', name: 'Requests', aggregation: 'count' })
    expect(created.status).toBe(201)
    expect(created.body).toEqual({
      id: UUID,
      code: 'requests',
      name: 'Requests',
      description: null,
      aggregation: 'count',
      field_name: null,
      expression: null,
      event_code: 'requests',
      recurring: false,
      rounding: null,
      percentile: null,
      created_at: TIME,
      updated_at: TIME,
    })
    expect((await client.get('/billable_metrics/requests')).body).toEqual(created.body)
  })

  test('a metric is carried over, rounded and ranked as it says', async () => {
    const rounding = { mode: 'ceil', precision: 2 }
    const seats = { code: 'seats', name: 'Seats', aggregation: 'sum', field_name: 'n', recurring: true, rounding }
    expect(await client.post('/billable_metrics', seats)).toMatchObject({
      status: 201,
      body: { recurring: true, rounding },
    })
    const rank = { code: 'p95', name: 'p95', aggregation: 'percentile', field_name: 'ms', percentile: 99.5 }
    expect(await client.post('/billable_metrics', rank)).toMatchObject({ status: 201, body: { percentile: '99.5' } })
  })

  test.each([
    [{ aggregation: 'percentile', field_name: 'v' }, 'percentile', 'missing'],
    [{ aggregation: 'percentile', field_name: 'v', percentile: 101 }, 'percentile', 'percentile_range'],
    [{ aggregation: 'sum', field_name: 'v', percentile: 5 }, 'percentile', 'field_unused'],
    [{ aggregation: 'max', field_name: 'v', recurring: true }, 'recurring', 'recurring_unsupported'],
    [{ aggregation: 'unique_count' }, 'field_name', 'missing'],
  ])('%j is refused for its %s', async (about, field, type) => {
    const refused = await client.post('/billable_metrics', { code: 'refused', name: 'Refused', ...about })
    expect(refused).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', field], type }] } })
  })

  test('a code is taken once', async () => {
    const metric = { code: 'twice', name: 'Twice', aggregation: 'count' }
    await client.post('/billable_metrics', metric)
    const second = await client.post('/billable_metrics', metric)
    expect([second.status, second.body]).toEqual([
      409,
      { detail: 'a billable metric with the code "twice" exists already', code: 'billable_metric_exists' },
    ])
  })

  test('a sum needs the field that it adds up', async () => {
    const answer = await client.post('/billable_metrics', { code: 's', name: 'S', aggregation: 'sum' })
    expect([answer.status, answer.body]).toEqual([
      422,
      {
        detail: [
          {
            loc: ['body', 'field_name'],
            msg: 'is required when the aggregation is sum, or an expression',
            type: 'missing',
          },
        ],
        code: 'validation_error',
      },
    ])
  })

  test('an unknown metric is not found', async () => {
    const answer = await client.get('/billable_metrics/none')
    expect([answer.status, answer.body]).toEqual([
      404,
      { detail: 'no billable metric has the code "none"', code: 'billable_metric_not_found' },
    ])
  })
})

describe('customers', () => {
  test('a customer is created, read, changed, and null empties a field', async () => {
    const created = await client.post('/customers', {
      external_id: 'acme',
      name: 'Acme',
      email: 'billing@acme.example',
      time_zone: 'Asia/Tokyo',
    })
    expect(created.status).toBe(201)
    expect(created.body).toEqual({
      id: UUID,
      external_id: 'acme',
      name: 'Acme',
      email: 'billing@acme.example',
      currency: null,
      time_zone: 'Asia/Tokyo',
      metadata: {},
      created_at: TIME,
      updated_at: TIME,
    })
    const changed = await client.patch('/customers/acme', { email: null, metadata: { tier: 1 } })
    expect(changed.body).toEqual({ ...created.body, email: null, metadata: { tier: 1 }, updated_at: TIME })
    expect((await client.get('/customers/acme')).body).toEqual(changed.body)
  })

  test('numbers in metadata keep their digits', async () => {
    const sent = '{"external_id":"digits","metadata":{"big":12345678901234567890,"price":0.1000000000000000000001}}'
    const answer = await client.post('/customers', sent)
    expect(answer.text).toContain('{"big":12345678901234567890,"price":0.1000000000000000000001}')
  })

  test('an external id is taken once', async () => {
    await client.post('/customers', { external_id: 'once' })
    const second = await client.post('/customers', { external_id: 'once' })
    expect([second.status, second.body]).toEqual([
      409,
      { detail: 'a customer with the external id "once" exists already', code: 'customer_exists' },
    ])
  })

  test('an external id may hold any character that a path can carry', async () => {
    const externalId = 'a/b c?d#ü%'
    await client.post('/customers', { external_id: externalId })
    const answer = await client.get(`/customers/${encodeURIComponent(externalId)}`)
    expect(answer.body.external_id).toBe(externalId)
  })
})

describe('lists', () => {
  test('pages hold every item once, newest first, until there is no next cursor', async () => {
    const own = await api.client()
    for (let number = 1; number <= 5; number++) await own.post('/customers', { external_id: `c${number}` })
    const first = await own.get('/customers?limit=2')
    const second = await own.get(`/customers?limit=2&cursor=${first.body.next_cursor}`)
    const third = await own.get(`/customers?limit=2&cursor=${second.body.next_cursor}`)
    const ids = [first, second, third].map((page) =>
      page.body.data.map((customer: { external_id: string }) => customer.external_id),
    )
    expect(ids).toEqual([['c5', 'c4'], ['c3', 'c2'], ['c1']])
    expect(third.body.next_cursor).toBeNull()
  })

  test.each(['0', '101', 'many', '1.5'])('a page of %s items is refused', async (limit) => {
    const answer = await client.get(`/customers?limit=${limit}`)
    expect(answer.status).toBe(422)
    expect(answer.body.detail).toEqual([{ loc: ['query', 'limit'], msg: expect.any(String), type: expect.any(String) }])
  })

  test('a cursor of a time that no event can have is refused', async () => {
    const cursor = Buffer.from('0000-01-01T00:00:00Z 00000000-0000-0000-0000-000000000000').toString('base64url')
    await client.post('/customers', { external_id: 'paged' })
    const answer = await client.get(`/events?external_customer_id=paged&cursor=${cursor}`)
    expect([answer.status, answer.body.detail[0].type]).toEqual([422, 'cursor_invalid'])
  })

  test.each(['1e131071', '1e131073', '1e-999999', '9'.repeat(401)])(
    'metadata with a number that cannot be stored as it is written is refused: %s',
    async (number) => {
      const answer = await client.post(
        '/customers',
        `{"external_id": "numbers", "metadata": {"deep": [{"n": ${number}}]}}`,
      )
      expect([answer.status, answer.body.detail]).toEqual([
        422,
        [{ loc: ['body', 'metadata'], msg: 'holds a number that is too long', type: 'number_unstorable' }],
      ])
    },
  )

  test('a number next to a whole one stays what it is', async () => {
    const metadata = '{"above": 1.00000000000000000001, "below": 0.99999999999999999999, "small": 1e-29}'
    const answer = await client.post('/customers', `{"external_id": "exact", "metadata": ${metadata}}`)
    expect(answer.status).toBe(201)
    expect(answer.text).toContain('"above":1.00000000000000000001')
    expect(answer.text).toContain('"below":0.99999999999999999999')
    expect(answer.text).toContain('"small":0.00000000000000000000000000001')
  })

  test('a request with a great many unknown fields gets a short answer', async () => {
    const fields = Array.from({ length: 5_000 }, (_, index) => `"field_${index}": 1`).join(', ')
    for (const path of ['/plans/', '/events', '/customers']) {
      const answer = await client.post(path, `{${fields}}`)
      expect(answer.status).toBe(422)
      expect(answer.body.detail.length).toBeLessThanOrEqual(50)
    }
  })

  test.each(['x', 'bm90LWFuLWlk', '%00'])('a cursor that no list gave out is refused: %s', async (cursor) => {
    for (const list of ['/customers', '/events?external_customer_id=acme']) {
      const answer = await client.get(`${list}${list.includes('?') ? '&' : '?'}cursor=${cursor}`)
      expect(answer.status).toBe(422)
      expect(answer.body.detail[0].loc).toEqual(['query', 'cursor'].slice(0, answer.body.detail[0].loc.length))
    }
  })
})
