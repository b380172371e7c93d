import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
})
afterAll(() => api.stop())

function send(
  path: string,
  init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
): Promise<Answer> {
  return api.request(path, { ...init, headers: { authorization: `Bearer ${client.apiKey}`, ...init.headers } })
}

describe('authentication', () => {
  test.each([
    ['no key', {}],
    ['another scheme', { authorization: 'Basic abc' }],
    ['an unknown key', { authorization: 'Bearer tk_00000000000000000000000000000000' }],
    ['an empty key', { authorization: 'Bearer ' }],
  ])('%s answers 401 and says how to authenticate', async (_name, headers) => {
    const answer = await api.request('/v1/customers', { headers: headers as Record<string, string> })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    expect(answer.body).toEqual({ detail: expect.any(String), code: 'unauthorized' })
  })

  test('health, readiness and the document need no key', async () => {
    for (const path of ['/healthz', '/readyz']) {
      const answer = await api.request(path)
      expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }])
    }
    expect((await api.request('/openapi.json')).status).toBe(200)
  })
})

describe('requests that no route takes', () => {
  test('an unknown path', async () => {
    const answer = await send('/v1/nothing')
    expect([answer.status, answer.body]).toEqual([
      404,
      { detail: 'there is nothing at /v1/nothing', code: 'not_found' },
    ])
  })

  test.each([
    ['percent codes that are no UTF-8', '/v1/plans/%c0%af', 400],
    ['an id that is too long', `/v1/plans/${'x'.repeat(1001)}`, 400],
  ])('%s', async (_name, path, status) => {
    const answer = await send(path)
    expect([answer.status, answer.body]).toEqual([status, { detail: expect.any(String), code: 'bad_request' }])
  })

  test('a method that a path does not have', async () => {
    const answer = await send('/v1/customers', { method: 'PUT' })
    expect([answer.status, answer.body]).toEqual([
      405,
      { detail: 'PUT is not possible on /v1/customers; use GET or POST', code: 'method_not_allowed' },
    ])
    expect(answer.headers.get('allow')).toBe('GET, HEAD, POST')
    expect((await send('/v1/events', { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD, POST')
    expect((await send('/v1/nothing', { method: 'DELETE' })).headers.get('allow')).toBeNull()
  })

  test('another media type', async () => {
    const answer = await send('/v1/customers', {
      method: 'POST',
      body: 'external_id=1',
      headers: { 'content-type': 'text/plain' },
    })
    expect([answer.status, answer.body]).toEqual([
      415,
      { detail: 'the body must be application/json', code: 'unsupported_media_type' },
    ])
  })

  test('a body above 16 MiB', async () => {
    const answer = await send('/v1/events', {
      method: 'POST',
      body: `"${'x'.repeat(16 * 1024 * 1024)}"`,
      headers: { 'content-type': 'application/json' },
    })
    expect([answer.status, answer.body]).toEqual([
      413,
      { detail: 'the body is larger than 16 MiB; send it in parts', code: 'payload_too_large' },
    ])
  })
})

describe('bodies that cannot be read', () => {
  test.each([
    ['broken JSON', '{"external_id":', 'json_invalid'],
    ['an empty body', '', 'missing'],
    ['a list', '[]', 'dict_type'],
    ['null', 'null', 'missing'],
  ])('%s', async (_name, body, type) => {
    const answer = await send('/v1/customers', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    })
    expect([answer.status, answer.body]).toEqual([
      422,
      { detail: [{ loc: ['body'], msg: expect.any(String), type }], code: 'validation_error' },
    ])
  })

  test('bytes that are no UTF-8', async () => {
    const answer = await send('/v1/customers', {
      method: 'POST',
      body: Buffer.from([0x22, 0xff, 0x22]),
      headers: { 'content-type': 'application/json; charset=utf-8' },
    })
    expect([answer.status, answer.body]).toEqual([
      422,
      { detail: [{ loc: ['body'], msg: 'the body is not UTF-8', type: 'json_invalid' }], code: 'validation_error' },
    ])
  })

  test.each(['a\u0000b', '\ud800'])('text that the database cannot hold: %j', async (text) => {
    const answer = await client.post('/customers', { external_id: 'nul', metadata: { deep: [{ text }] } })
    expect(answer.status).toBe(422)
    expect(answer.body.detail).toEqual([
      { loc: ['body', 'metadata', 'deep', 0, 'text'], msg: expect.any(String), type: 'string_unstorable' },
    ])
    expect((await send('/v1/customers/a%00b')).status).toBe(422)
  })
})

test('every answer has an id of its own', async () => {
  const ids = await Promise.all([send('/v1/customers'), send('/v1/nothing')])
  const [first, second] = ids.map((answer) => answer.headers.get('x-request-id'))
  expect(first).toMatch(/^[0-9a-f-]{36}$/)
  expect(second).not.toBe(first)
})
