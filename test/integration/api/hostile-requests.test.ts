import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient
let metricId: string

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  const metric = { code: 'tokens', name: 'Tokens', aggregation: 'sum', field_name: 'tokens' }
  metricId = (await client.post('/billable_metrics', metric)).body.id
})
afterAll(() => api.stop())

function planOf(charge: object, about: object = {}) {
  const charges = [{ billable_metric_id: metricId, charge_model: 'standard', properties: { amount: '1' }, ...charge }]
  return { code: 'plan', name: 'Plan', interval: 'monthly', charges, ...about }
}

function simulate(charge: object, about: object): Promise<Answer> {
  return client.post('/plans/simulate', planOf(charge, about))
}

function issues({ status, body }: Answer) {
  return [status, body.detail.map(({ loc, type }: { loc: unknown[]; type: string }) => [loc.join('.'), type])]
}

describe('numbers that are none', () => {
  test.each([
    ['/billing/transactions', '{"amount": NaN, "type": "usage", "reference_id": "1"}', 'body.amount'],
    ['/billing/transactions', '{"amount": -Infinity, "type": "NaN", "reference_id": "\\"NaN"}', 'body.amount'],
    ['/billing/subscriptions', '{"agent_id": "a", "user_id": "u", "price_usd": Infinity}', 'body.price_usd'],
    ['/events/batch', '{"events": [{}, {"properties": {"tokens": NaN}}]}', 'body.events.1.properties.tokens'],
  ])('the refusal of NaN and Infinity on %s names their field: %s', async (path, body, field) => {
    expect(issues(await client.post(path, body))).toEqual([422, [[field, 'finite_number']]])
  })

  test('a body with NaN that is broken elsewhere is refused as a whole', async () => {
    const answer = await client.post('/billing/transactions', '{"amount": NaN, "type": }')
    expect(issues(answer)).toEqual([422, [['body', 'json_invalid']]])
  })

  test.each(['0.0000000000000000000000000000000000001', '1e-400', '1e400', '1'.repeat(40)])(
    'an amount of %s is refused with the digits that it may have on either side of its point',
    async (amount) => {
      const body = `{"amount": ${amount}, "type": "usage", "reference_id": "long"}`
      expect((await client.post('/billing/transactions', body)).body.detail).toEqual([
        {
          loc: ['body', 'amount'],
          msg: 'must have at most 15 digits before the point and 12 after it',
          type: 'decimal_max_digits',
        },
      ])
    },
  )
})

describe('prices that are beyond all money', () => {
  test('the expression that makes one is answered with 422', async () => {
    const properties = { expression: 'units * units' }
    const charge = { charge_model: 'custom', properties }
    const answer = await simulate(charge, { units: { tokens: '9'.repeat(30) } })
    expect([answer.status, answer.body.code]).toEqual([422, 'price_too_large'])
    expect((await simulate(charge, { units: { tokens: '9'.repeat(15) } })).status).toBe(200)
  })
})

describe('windows without number', () => {
  const refusal = (at: string) => [422, [[`${at}.windows.size`, 'too_many_windows']]]

  test('a plan is refused whose periods have too many', async () => {
    const charge = { windows: { size: 'minute' } }
    expect(issues(await client.post('/plans', planOf(charge, { interval: 'quarterly' })))).toEqual(
      refusal('body.charges.0'),
    )
    const years = { interval_unit: 'year', interval_count: 366, units: { tokens: 1 } }
    expect(issues(await simulate(charge, years))).toEqual(refusal('body.charges.0'))
    expect((await simulate({ windows: { size: 'month' } }, years)).status).toBe(200)
  })

  test('so is the override of a subscription, and a change of the interval', async () => {
    await client.post('/customers', { external_id: 'acme' })
    const plan = planOf({ windows: { size: 'hour' } }, { code: 'windowed', interval: 'yearly' })
    const { id } = (await client.post('/plans', plan)).body.charges[0]
    const price_overrides = { charges: [{ id, windows: { size: 'minute' } }] }
    const subscription = { external_customer_id: 'acme', plan_code: 'windowed', price_overrides }
    expect(issues(await client.post('/subscriptions', subscription))).toEqual(refusal('body.price_overrides.charges.0'))
    const changed = { interval_unit: 'year', interval_count: 50 }
    expect(issues(await client.patch('/plans/windowed', changed))).toEqual(refusal('body.charges.0'))
  })

  test('a curve over a month of minutes prices those without usage together', async () => {
    const windows = { size: 'minute', commitment: { amount: '0.5', overage_factor: '2', true_up: true } }
    const range = { charge: 'tokens', from: 0, to: 2, points: 200 }
    const { status, body } = await simulate({ windows }, { range })
    const [{ period_start, period_end }] = body.lines
    const minutes = Temporal.Instant.from(period_start).until(period_end).total('minutes')
    expect(status).toBe(200)
    expect(body.curve[0]).toMatchObject({ units: '0', amount: String(minutes * 0.5) })
    // One minute costs its commitment, and twice what goes beyond; the others their commitment.
    expect(body.curve.at(-1)).toMatchObject({ units: '2', amount: String((minutes - 1) * 0.5 + 0.5 + 1.5 * 2) })
  })
})

describe('more than anybody means', () => {
  test('one answer names at most fifty faults', async () => {
    const properties = Object.fromEntries(Array.from({ length: 9_000 }, (_, index) => [`p${index}`, 1]))
    const answers = [
      await client.post('/plans', planOf({ properties })),
      await simulate({}, { units: properties }),
      await client.post('/events/batch', properties),
      await client.post('/plans', properties),
    ]
    for (const { status, body } of answers) expect([status, body.detail.length]).toEqual([422, 50])
  })

  test('a batch without an acceptable event names its faults once, and the first fifty of all', async () => {
    const { status, body } = await client.post('/events/batch', { events: Array.from({ length: 5_000 }, () => ({})) })
    expect([status, body.detail.length, body.results.length, body.results[4_999].errors.length]).toEqual([
      422, 50, 5_000, 3,
    ])
  })

  test('names and ids are cut where they are as long as the request', async () => {
    const name = 'x'.repeat(400_000)
    const event = { transaction_id: name, [name]: 1, external_customer_id: 'c', code: 'x' }
    const lines = { 'content-type': 'application/x-ndjson' }
    const answers = [
      await client.post('/events', event),
      await client.post('/events/batch', { events: [event] }),
      await client.post('/events/batch', { [name]: 1 }),
      await client.post('/events/batch', JSON.stringify(event), lines),
      await client.post('/plans', { [name]: 1 }),
      await client.post('/plans', `{"${name}":${'['.repeat(100)}`),
      await client.post('/plans', `{"${name}":NaN}`),
    ]
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 422))
    for (const { text } of answers) {
      expect(text.length).toBeLessThan(4_000)
      expect(text).toContain(name.slice(0, 255))
    }
  })

  test('the rejected lines of a stream are named in 64 KiB, the first in any case', async () => {
    const fields = (index: number) =>
      Object.fromEntries(Array.from({ length: 25 }, (_, field) => [`${field}${'"'.repeat(300)}`, index]))
    const body = Array.from({ length: 100 }, (_, index) => JSON.stringify(fields(index))).join('\n')
    const answer = await client.post('/events/batch', body, { 'content-type': 'application/x-ndjson' })
    expect([answer.status, answer.body.rejected, answer.body.rejections[0].errors.length]).toEqual([422, 100, 20])
    expect(answer.body.rejections.length).toBeLessThan(10)
    expect(JSON.stringify(answer.body.rejections).length).toBeLessThan(65_000)
  })

  test.each(['/plans', '/customers'])(
    'no object of a request to %s has more than ten thousand fields',
    async (path) => {
      const metadata = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`p${index}`, 1]))
      const answers = [await client.post(path, metadata), await client.post(path, { metadata })]
      expect(answers.map(issues)).toEqual([
        [422, [['body', 'too_long']]],
        [422, [['body.metadata', 'too_long']]],
      ])
    },
  )

  test('tiers have at most a thousand ranges', async () => {
    const properties = { graduated_ranges: Array.from({ length: 300_000 }, () => ({ x: 1 })) }
    expect(issues(await client.post('/plans', planOf({ charge_model: 'graduated', properties })))).toEqual([
      422,
      [['body.charges.0.properties.graduated_ranges', 'too_long']],
    ])
  })

  test('a charge has at most twenty pricing group keys', async () => {
    const keys = (length: number) => ({
      properties: { amount: '1', pricing_group_keys: Array.from({ length }, (_, index) => `key${index}`) },
    })
    expect((await client.post('/plans', planOf(keys(20), { code: 'twenty' }))).status).toBe(201)
    expect(issues(await client.post('/plans', planOf(keys(200_000))))).toEqual([
      422,
      [['body.charges.0.properties.pricing_group_keys', 'too_long']],
    ])
  })
})

describe('bodies that are made to take long', () => {
  const MIB = 1024 * 1024
  const fields = (count: number) => `{${Array.from({ length: count }, (_, index) => `"f${index}":1`).join()}}`
  const event = (properties: string) =>
    `{"events":[{"transaction_id":"t","external_customer_id":"c","code":"x","properties":${properties}}]}`
  const path = (parts: string, depth: number) => [parts, ...Array.from({ length: depth }, () => 0)].join('.')

  test.each([
    ['a million fields', fields(1_000_000), 'body', 'too_long'],
    ['a million properties', event(fields(1_000_000)), 'body.events.0.properties', 'too_long'],
    [
      'a million fields of many objects',
      `[${Array.from({ length: 101 }, () => fields(9_900)).join()}]`,
      'body',
      'too_long',
    ],
    ['a million items', event(`{"list":[${'1.50,'.repeat(1_000_000)}1]}`), 'body', 'too_long'],
    [
      'lists in lists',
      `[${Array.from({ length: 100_000 }, () => '['.repeat(60) + ']'.repeat(60)).join()}]`,
      'body',
      'too_long',
    ],
    ['objects in lists', `[${'[{},{}],'.repeat(170_000)}1]`, 'body', 'too_long'],
    ['16 MiB of brackets', '['.repeat(16 * MIB), path('body', 64), 'too_deep'],
    ['16 MiB of closed brackets', '['.repeat(8 * MIB) + ']'.repeat(8 * MIB), path('body', 64), 'too_deep'],
    [
      'a million digits',
      event(`{"a":{"\\"b,[{":-${'1'.repeat(1_000_000)}}}`),
      'body.events.0.properties.a."b,[{',
      'number_too_long',
    ],
    ['16 MiB of digits', '1'.repeat(16 * MIB), 'body', 'number_too_long'],
    ['strings without end', `${'"\\'.repeat(500_000)}NaN`, 'body', 'json_invalid'],
  ])('%s are refused by place before they are read', async (_name, body, place, type) => {
    const before = process.cpuUsage()
    const paths = ['/events', '/events/batch', '/events/estimate_fees', '/plans', '/billing/transactions']
    for (const one of paths) expect([one, ...issues(await client.post(one, body))]).toEqual([one, 422, [[place, type]]])
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / paths.length).toBeLessThan(1_000_000)
  })

  test('brackets, colons and commas in strings are none, and each object is counted by itself', async () => {
    const text = `${'[{":,'.repeat(50_000)}\\"\\\\`
    const properties = `{"text":${JSON.stringify(text)},"lists":[${Array.from({ length: 3 }, () => fields(9_000)).join()}]}`
    expect((await client.post('/events/batch', event(properties))).status).toBe(202)
  })

  test('a curve has at most twenty thousand steps', async () => {
    const graduated_ranges = Array.from({ length: 1_000 }, (_, index) => ({
      from_value: index === 0 ? 0 : index * 10 + 1,
      to_value: index === 999 ? null : (index + 1) * 10,
      per_unit_amount: '0.1',
      flat_amount: '0',
    }))
    const charge = { charge_model: 'graduated', properties: { graduated_ranges } }
    const range = (points: number) => ({ range: { charge: 'tokens', to: '20000', points } })
    expect(issues(await simulate(charge, range(200)))).toEqual([422, [['body.range.points', 'too_many_steps']]])
    expect((await simulate(charge, range(20))).status).toBe(200)
  })
})

test.each(['utf-16', '"UTF-16LE"', 'iso-8859-1', ''])('a body in the charset %s is refused', async (charset) => {
  const headers = { 'content-type': `application/json; charset=${charset}` }
  const { status, body } = await client.post('/customers', '{"external_id": "charset"}', headers)
  expect([status, body]).toEqual([
    415,
    { detail: 'the charset of the body must be utf-8', code: 'unsupported_media_type' },
  ])
})

test.each(['utf-8', '"UTF-8"', 'utf8', 'us-ascii'])('a body in the charset %s is read', async (charset) => {
  const headers = { 'content-type': `application/json; charset=${charset}` }
  const external_id = `charset ${charset}`
  expect((await client.post('/customers', JSON.stringify({ external_id }), headers)).status).toBe(201)
})

describe('what every route refuses', () => {
  async function operations(): Promise<[string, string][]> {
    const { paths } = (await api.request('/openapi.json')).body
    return Object.entries<object>(paths)
      .filter(([path]) => path.startsWith('/v1/'))
      .flatMap(([path, methods]) =>
        Object.keys(methods).map((method): [string, string] => [
          method.toUpperCase(),
          path.replace('{version}', '1').replaceAll(/\{\w+\}/g, '00000000-0000-0000-0000-000000000000'),
        ]),
      )
  }

  async function ask(method: string, path: string, headers: Record<string, string> = {}, sent: object = {}) {
    const body = method === 'GET' || method === 'DELETE' ? {} : { body: JSON.stringify(sent) }
    const authorization = `Bearer ${client.apiKey}`
    const type = { 'content-type': 'application/json' }
    return await api.request(path, { method, headers: { authorization, ...type, ...headers }, ...body })
  }

  test('a query parameter that it does not know', async () => {
    const bodies: Record<string, object> = {
      '/v1/customers': { external_id: 'queried' },
      '/v1/events': { transaction_id: 'q', external_customer_id: 'c', code: 'x' },
      '/v1/billing/transactions': { amount: 1, type: 'usage', reference_id: 'queried' },
    }
    const withoutBody = (await operations()).filter(([method]) => method === 'GET' || method === 'DELETE')
    const withBody = Object.keys(bodies).map((path): [string, string] => ['POST', path])
    for (const [method, path] of [...withoutBody, ...withBody]) {
      const answer = await ask(method, `${path}?externl_id=1`, {}, bodies[path])
      expect([method, path, answer.status, answer.body.detail]).toEqual([
        method,
        path,
        422,
        expect.arrayContaining([{ loc: ['query', 'externl_id'], msg: 'unknown field', type: 'extra_forbidden' }]),
      ])
    }
  })

  test('a content-encoding that it does not know', async () => {
    for (const [method, path] of await operations()) {
      const { status, body } = await ask(method, path, { 'content-encoding': 'br' })
      expect([method, path, status, body.code]).toEqual([method, path, 415, 'unsupported_media_type'])
    }
  })
})

test.each(['/customers', '/events/unprocessed', '/billing/transactions', '/invoices', '/plans'])(
  'a query parameter that GET %s does not know is refused by name',
  async (path) => {
    expect(issues(await client.get(`${path}?limit=5&externl_id=1&__proto__=2`))).toEqual([
      422,
      [
        ['query.externl_id', 'extra_forbidden'],
        ['query.__proto__', 'extra_forbidden'],
      ],
    ])
  },
)
