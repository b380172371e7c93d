import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let owner: ApiClient

beforeAll(async () => {
  api = await startApi()
  owner = await api.client()
  await owner.post('/plans/', { code: 'p', name: 'P', interval: 'monthly' })
})
afterAll(() => api.stop())

const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/)
const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

async function keyWith(fields: Record<string, unknown>): Promise<ApiClient & { id: string }> {
  const { body } = await owner.post('/api_keys', { name: 'K', ...fields })
  const { organizationId } = owner
  return { ...api.clientOf({ organizationId, apiKey: body.key, operatorPassword: undefined }), id: body.id }
}

describe('keys', () => {
  test('the secret is answered once; from then on a key is known by its beginning', async () => {
    const created = await owner.post('/api_keys', { name: 'Gateway', scopes: ['events:write', 'events:write'] })
    expect(created.status).toBe(201)
    const { key, ...known } = created.body
    expect(key).toMatch(/^tk_[A-Za-z0-9]{32}$/)
    expect(known).toEqual({
      id: UUID,
      name: 'Gateway',
      prefix: key.slice(0, 7),
      scopes: ['events:write'],
      external_customer_id: null,
      last_used_at: null,
      created_at: TIME,
    })
    const listed = await owner.get('/api_keys')
    expect(listed.body.data).toContainEqual(known)
    expect(listed.text).not.toContain(key)
    const first = listed.body.data.at(-1)
    expect(first).toMatchObject({ name: 'API key', scopes: ['*'], last_used_at: TIME })
  })

  test('a revoked key stops working within five seconds, and revoking twice is no fault', async () => {
    const key = await keyWith({})
    expect((await key.get('/plans/p')).status).toBe(200)
    expect((await owner.delete(`/api_keys/${key.id}`)).status).toBe(204)
    expect((await owner.delete(`/api_keys/${key.id}`)).status).toBe(204)
    await expect.poll(async () => (await key.get('/plans/p')).status, { timeout: 6_000, interval: 200 }).toBe(401)
    const ids = (await owner.get('/api_keys?limit=100')).body.data.map(({ id }: { id: string }) => id)
    expect(ids).not.toContain(key.id)
  })

  test('a key does not revoke itself, so that an organization keeps one that manages keys', async () => {
    const key = await keyWith({})
    const refused = await key.delete(`/api_keys/${key.id.toUpperCase()}`)
    expect([refused.status, refused.body.code]).toEqual([409, 'api_key_in_use'])
    expect((await key.get('/api_keys?limit=100')).body.data.map(({ id }: { id: string }) => id)).toContain(key.id)
    expect((await owner.delete(`/api_keys/${key.id}`)).status).toBe(204)
  })

  test('two keys that revoke each other at once leave one', async () => {
    const [one, other] = [await keyWith({}), await keyWith({})]
    // Both are known to the process, which takes them for some seconds even when they are revoked.
    for (const key of [one, other]) await key.get('/api_keys')
    const answers = await Promise.all([one.delete(`/api_keys/${other.id}`), other.delete(`/api_keys/${one.id}`)])
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204, 401]))
    const ids = (await owner.get('/api_keys?limit=100')).body.data.map(({ id }: { id: string }) => id)
    expect([one.id, other.id].filter((id) => ids.includes(id))).toHaveLength(1)
  })

  test('a key of another organization is not found', async () => {
    const other = await api.client()
    const [key] = (await other.get('/api_keys')).body.data
    const answer = await owner.delete(`/api_keys/${key.id}`)
    expect([answer.status, answer.body.code]).toEqual([404, 'api_key_not_found'])
    expect((await other.get('/api_keys')).body.data).toHaveLength(1)
  })

  test.each([{ scopes: [] }, { scopes: ['all'] }, { name: '' }, { external_customer_id: '' }])(
    '%j is refused',
    async (fields) => {
      expect((await owner.post('/api_keys', { name: 'K', ...fields })).status).toBe(422)
    },
  )
})

describe('scopes', () => {
  const event = { transaction_id: 't', external_customer_id: 'c', code: 'x', timestamp: '2026-01-01T00:00:00Z' }

  async function statuses(key: ApiClient): Promise<Record<string, number>> {
    return {
      read: (await key.get('/plans/p')).status,
      simulate: (await key.post('/plans/p/simulate', {})).status,
      write: (await key.patch('/plans/p', { name: 'P' })).status,
      event: (await key.post('/events', event)).status,
      keys: (await key.get('/api_keys')).status,
    }
  }

  test.each([
    [['*'], { read: 200, simulate: 200, write: 200, event: 202, keys: 200 }],
    [['read'], { read: 200, simulate: 200, write: 403, event: 403, keys: 403 }],
    [['write'], { read: 403, simulate: 403, write: 200, event: 202, keys: 403 }],
    [['read', 'write'], { read: 200, simulate: 200, write: 200, event: 202, keys: 403 }],
    [['events:write'], { read: 403, simulate: 403, write: 403, event: 202, keys: 403 }],
  ])('a key with %j may do what they cover', async (scopes, expected) => {
    expect(await statuses(await keyWith({ scopes }))).toEqual(expected)
  })

  test('a refusal names the scope that is missing', async () => {
    const key = await keyWith({ scopes: ['events:write'] })
    expect((await key.get('/plans/')).body).toEqual({ detail: 'the API key lacks the scope "read"', code: 'forbidden' })
  })

  test('a key of one customer cannot see or change what belongs to all', async () => {
    const key = await keyWith({ external_customer_id: 'acme' })
    expect(await statuses(key)).toEqual({ read: 403, simulate: 403, write: 403, event: 403, keys: 403 })
  })

  test('the last use is known to the minute', async () => {
    const key = await keyWith({ scopes: ['read'] })
    await key.get('/plans/')
    const listed = await owner.get('/api_keys?limit=100')
    const { last_used_at } = listed.body.data.find(({ id }: { id: string }) => id === key.id)
    expect(Date.now() - Date.parse(last_used_at)).toBeLessThan(60_000)
  })
})
