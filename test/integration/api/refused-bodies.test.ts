import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
})
afterAll(() => api.stop())

const GARBAGE = Buffer.from('this is no gzip')

async function send(path: string, headers: Record<string, string>, body = GARBAGE, method = 'POST') {
  const answer = await api.request(path, { method, headers, body: new Uint8Array(body) })
  return [answer.status, answer.body?.code]
}

async function expectAlive() {
  // An error that nobody hears ends the process in a later turn.
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect((await api.request('/healthz')).status).toBe(200)
}

describe('a compressed body that nobody reads does no harm, whatever it is', () => {
  const coded = (type: string) => ({ 'content-type': type, 'content-encoding': 'gzip' })
  const authorization = () => ({ authorization: `Bearer ${client.apiKey}` })

  test.each(['text/plain', 'application/json', 'application/x-ndjson'])('as %s without a key', async (type) => {
    expect(await send('/nothing', coded(type))).toEqual([404, 'not_found'])
    expect(await send('/healthz', coded(type))).toEqual([405, 'method_not_allowed'])
    expect(await send('/v1/events', coded(type))).toEqual([401, 'unauthorized'])
    expect(await send('/queues', coded(type), GARBAGE, 'PUT')).toEqual([405, 'method_not_allowed'])
    await expectAlive()
  })

  test('in a media type that the route does not read', async () => {
    const headers = { ...authorization(), ...coded('text/plain') }
    expect(await send('/v1/events', headers)).toEqual([415, 'unsupported_media_type'])
    expect(await send('/v1/events/batch', headers)).toEqual([415, 'unsupported_media_type'])
    expect(await send('/v1/customers', headers)).toEqual([415, 'unsupported_media_type'])
    expect(await send('/queues/sign-in', coded('text/plain'))).toEqual([415, 'unsupported_media_type'])
    expect(await send('/v1/customers', headers, GARBAGE, 'PUT')).toEqual([405, 'method_not_allowed'])
    expect(await send('/v1/nothing', headers)).toEqual([404, 'not_found'])
    await expectAlive()
  })

  test('in another charset', async () => {
    const headers = { ...authorization(), ...coded('application/json; charset=latin1') }
    expect(await send('/v1/events', headers)).toEqual([415, 'unsupported_media_type'])
    await expectAlive()
  })

  test('as a form', async () => {
    const form = coded('application/x-www-form-urlencoded')
    expect(await send('/queues/sign-in', form)).toEqual([400, 'bad_request'])
    expect(await send('/queues/sign-in', form, gzipSync(Buffer.alloc(100_000)))).toEqual([413, 'payload_too_large'])
    expect((await send('/queues/sign-in', form, gzipSync('username=a&password=b')))[0]).toBe(401)
    await expectAlive()
  })

  test('where its length alone is too much', async () => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
    socket.write(
      'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n' +
        `Authorization: Bearer ${client.apiKey}\r\nContent-Length: 99999999\r\n\r\n`,
    )
    socket.write(GARBAGE)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1.1 413 /)
    socket.destroy()
    await expectAlive()
  })

  test('where the client goes away', async () => {
    const half = gzipSync(Buffer.from(JSON.stringify({ events: Array.from({ length: 1000 }, () => ({})) }))).subarray(
      0,
      40,
    )
    for (const type of ['application/json', 'application/x-ndjson', 'text/plain'])
      for (const coding of ['gzip', 'zstd', 'identity']) {
        const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
        socket.on('error', () => undefined)
        socket.write(
          `POST /v1/events/batch HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Encoding: ${coding}\r\n` +
            `Authorization: Bearer ${client.apiKey}\r\nContent-Length: 5000\r\n\r\n`,
        )
        socket.write(half)
        await new Promise((resolve) => setTimeout(resolve, 20))
        socket.resetAndDestroy()
      }
    await expectAlive()
  })
})
