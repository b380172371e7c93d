import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
})
afterAll(() => api.stop())

async function exchange(text: string, closesItsEnd = false): Promise<string> {
  const socket = connect({ port: Number(new URL(api.url).port), host: '127.0.0.1', allowHalfOpen: true })
  socket.write(text.replace('KEY', client.apiKey))
  if (closesItsEnd) socket.end()
  let answer = ''
  for await (const piece of socket) answer += piece
  socket.destroy()
  return answer
}

const POST = 'POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\nContent-Type: application/json\r\n'

test.each([
  ['no HTTP', 'nonsense\r\n\r\n', false, '400 Bad Request', 'malformed_request'],
  [
    'a length beside chunks',
    `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    false,
    '400 Bad Request',
    'malformed_request',
  ],
  [
    'a chunk that is none',
    `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\nzz\r\n`,
    false,
    '400 Bad Request',
    'malformed_request',
  ],
  ['a body that is cut', `${POST}Content-Length: 500\r\n\r\n{"a":`, true, '400 Bad Request', 'malformed_request'],
  [
    'headers without end',
    `GET / HTTP/1.1\r\nX: ${'x'.repeat(40_000)}`,
    false,
    '431 Request Header Fields Too Large',
    'headers_too_large',
  ],
  [
    'an expectation that nobody knows',
    `${POST}Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}`,
    false,
    '417 Expectation Failed',
    'expectation_failed',
  ],
])('%s is answered in the shape of all errors', async (_what, text, closesItsEnd, status, code) => {
  const answer = await exchange(text, closesItsEnd)
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status}\r\n`))
  expect(head).toMatch(/\r\ncontent-type: application\/json/i)
  expect(head).toMatch(/\r\nx-request-id: [0-9a-f-]{36}/i)
  expect(head).toMatch(/\r\nconnection: close/i)
  expect(JSON.parse(body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1))).toEqual({
    detail: expect.any(String),
    code,
  })
})
