import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { postMessage } from '../../../workers/deliver-webhooks/post-message.ts'

let server: Server
let port: number
let requests = 0

beforeAll(async () => {
  server = createServer((request, response) => {
    requests += 1
    if (request.url !== '/silent') response.writeHead(request.url === '/moved' ? 307 : 200, { location: '/' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
  port = (server.address() as AddressInfo).port
})
beforeEach(() => {
  requests = 0
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const post = (url: string, allowPrivate: boolean) =>
  postMessage({ url, headers: {}, body: '{}' }, { timeLimitMs: 300, allowPrivate })

test.each(['localhost', '127.0.0.1', '[::1]', '2130706433'])(
  'what %s leads to is checked when it is sent to, before a connection is made',
  async (host) => {
    const outcome = await post(`http://${host}:${port}/`, false)
    expect(outcome).toEqual({ responseStatus: null, error: 'the URL leads to this machine or a private network' })
    expect(requests).toBe(0)
  },
)

test('where private addresses are allowed they are sent to', async () => {
  expect(await post(`http://localhost:${port}/`, true)).toEqual({ responseStatus: 200, error: null })
})

test('a redirect is an answer like any other, and nobody follows it', async () => {
  expect(await post(`http://127.0.0.1:${port}/moved`, true)).toEqual({ responseStatus: 307, error: 'answered 307' })
  expect(requests).toBe(1)
})

test('whoever does not answer is waited for no longer than the time limit', async () => {
  const outcome = await post(`http://127.0.0.1:${port}/silent`, true)
  expect(outcome).toEqual({ responseStatus: null, error: 'no answer within 0.3 seconds' })
})

test('where nobody listens there is no connection', async () => {
  expect(await post('http://127.0.0.1:1/', true)).toEqual({
    responseStatus: null,
    error: 'no connection: ECONNREFUSED',
  })
})
