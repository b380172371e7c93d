import { Client } from 'pg'
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
const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/
const UNKNOWN = '00000000-0000-7000-8000-000000000000'

const create = (fields: Record<string, unknown> = {}) =>
  client.post('/webhook_endpoints', { url: 'https://hooks.example.com/in?key=1', ...fields })

describe('endpoints', () => {
  test('the secret is answered at creation and at no other time', async () => {
    const created = await create({ event_types: ['invoice.finalized', 'invoice.finalized'], description: 'Books' })
    expect(created.status).toBe(201)
    const { secret, ...endpoint } = created.body
    expect(secret).toMatch(SECRET)
    expect(endpoint).toEqual({
      id: UUID,
      url: 'https://hooks.example.com/in?key=1',
      description: 'Books',
      event_types: ['invoice.finalized'],
      enabled: true,
      disabled_reason: null,
      failing_since: null,
      previous_secret_ends_at: null,
      created_at: TIME,
      updated_at: TIME,
    })
    expect((await client.get(`/webhook_endpoints/${endpoint.id}`)).body).toEqual(endpoint)
    expect((await client.get('/webhook_endpoints?limit=1')).body).toEqual({ data: [endpoint], next_cursor: null })
  })

  test('the database holds no secret that can be read', async () => {
    const { body } = await create()
    const owner = new Client({ connectionString: api.config.databaseUrl })
    await owner.connect()
    try {
      const { rows } = await owner.query(
        `select e::text as text, encode(sealed_secret, 'escape') as sealed from tabkeeper.webhook_endpoints e where id = $1`,
        [body.id],
      )
      expect(rows).toHaveLength(1)
      const key = Buffer.from(body.secret.slice(6), 'base64')
      const hidden = [body.secret, body.secret.slice(6), key.toString('hex')]
      expect(hidden.filter((text) => JSON.stringify(rows).includes(text))).toEqual([])
    } finally {
      await owner.end()
    }
  })

  test('only the fields given change; null means every event type', async () => {
    const { body } = await create({ event_types: ['plan.created'] })
    const path = `/webhook_endpoints/${body.id}`
    const changed = await client.patch(path, { enabled: false, event_types: null })
    expect(changed.body).toMatchObject({
      url: body.url,
      event_types: null,
      enabled: false,
      disabled_reason: 'requested',
    })
    const again = await client.patch(path, { enabled: true, url: 'https://hooks.example.com/other' })
    expect(again.body).toMatchObject({ url: 'https://hooks.example.com/other', enabled: true, disabled_reason: null })
  })

  test('rotating answers another secret, and the old one has an end', async () => {
    const { body } = await create()
    const rotated = await client.post(`/webhook_endpoints/${body.id}/rotate_secret`)
    expect(rotated.status).toBe(200)
    expect(rotated.body.secret).toMatch(SECRET)
    expect(rotated.body.secret).not.toBe(body.secret)
    const hours = (Date.parse(rotated.body.previous_secret_ends_at) - Date.now()) / 3_600_000
    expect(hours).toBeGreaterThan(23.9)
    expect(hours).toBeLessThanOrEqual(24)
  })

  test('a deleted endpoint is gone', async () => {
    const { body } = await create()
    expect((await client.delete(`/webhook_endpoints/${body.id}`)).status).toBe(204)
    expect((await client.get(`/webhook_endpoints/${body.id}`)).status).toBe(404)
    expect((await client.delete(`/webhook_endpoints/${body.id}`)).status).toBe(404)
  })

  test('another organization finds none of it', async () => {
    const { body } = await create()
    const other = await api.client()
    const path = `/webhook_endpoints/${body.id}`
    const answers = [
      await other.get(path),
      await other.patch(path, { enabled: false }),
      await other.delete(path),
      await other.post(`${path}/rotate_secret`),
    ]
    expect(answers.map(({ status, body: { code } }) => [status, code])).toEqual(
      Array.from({ length: 4 }, () => [404, 'webhook_endpoint_not_found']),
    )
    expect((await other.get('/webhook_endpoints')).body.data).toEqual([])
    expect((await other.get(`/webhook_messages/${UNKNOWN}`)).body.code).toBe('webhook_message_not_found')
    expect((await other.post(`/webhook_messages/${UNKNOWN}/resend`)).status).toBe(404)
  })
})

describe('where messages may not be sent', () => {
  test.each([
    'example.com',
    'ftp://example.com/',
    'https://user@example.com/',
    'https://user:password@example.com/',
    'https://example.com/#part',
    'http://localhost:3000/',
    'http://api.localhost/',
    'http://printer.local/',
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://10.1.2.3/',
    'http://172.31.255.255/',
    'http://192.168.0.1/',
    'http://169.254.169.254/latest/meta-data',
    'http://100.64.0.1/',
    'http://0.0.0.0/',
    'http://224.0.0.1/',
    'http://[::1]/',
    'http://[::]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://[2002:7f00:1::]/',
    'http://[2001:db8::1]/',
  ])('%s is refused, with the place and the reason', async (url) => {
    const answer = await create({ url })
    expect(answer.status).toBe(422)
    expect(answer.body.detail).toEqual([{ loc: ['body', 'url'], msg: expect.any(String), type: 'webhook_url' }])
  })

  test.each(['https://172.32.0.1/', 'http://8.8.8.8:8080/', 'https://[2606:4700::1111]/', 'https://internal.example/'])(
    '%s is taken',
    async (url) => {
      expect((await create({ url })).status).toBe(201)
    },
  )

  test.each([{ event_types: [] }, { event_types: ['no.such'] }, { url: '' }, { secret: 'mine' }])(
    '%j is refused',
    async (fields) => {
      expect((await create(fields)).status).toBe(422)
    },
  )
})
