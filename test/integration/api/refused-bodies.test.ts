import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
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
  await pause(20)
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
        await pause(20)
        socket.resetAndDestroy()
      }
    await expectAlive()
  })
})

describe('a client that writes all before it reads gets its answer, and a closed connection', () => {
  const NOISE = randomBytes(24 * 1024 * 1024)
  const EVENT = JSON.stringify({ transaction_id: 't', external_customer_id: 'acme', code: 'llm' })
  const JSON_HEADERS = 'Content-Type: application/json\r\n'
  const LINES_HEADERS = 'Content-Type: application/x-ndjson\r\n'
  const GZIP = 'Content-Encoding: gzip\r\n'
  const lengthOf = (body: Buffer) => `Content-Length: ${body.length}\r\n`

  /** Sends all of it without reading, then reads to the end of the connection. */
  async function exchange(path: string, headers: string, body: Buffer, isChunked = false): Promise<string> {
    const socket = connect({ port: Number(new URL(api.url).port), host: '127.0.0.1' })
    socket.pause()
    const authorization = `Authorization: Bearer ${client.apiKey}\r\n`
    const length = isChunked ? 'Transfer-Encoding: chunked\r\n' : lengthOf(body)
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${authorization}${headers}${length}\r\n`)
    const chunked = [`${body.length.toString(16)}\r\n`, body, '\r\n0\r\n\r\n']
    for (const part of isChunked ? chunked : [body])
      await new Promise<void>((resolve, reject) => socket.write(part, (error) => (error ? reject(error) : resolve())))
    let text = ''
    for await (const piece of socket) text += piece
    return text
  }

  test.each([
    ['a length above the bound', '/v1/events', JSON_HEADERS, NOISE, false, 413, 'payload_too_large'],
    ['more than the bound', '/v1/events', JSON_HEADERS, NOISE, true, 413, 'payload_too_large'],
    [
      'more than the bound when inflated',
      '/v1/events',
      JSON_HEADERS + GZIP,
      gzipSync(NOISE),
      true,
      413,
      'payload_too_large',
    ],
    ['a corrupt body', '/v1/events', JSON_HEADERS + GZIP, NOISE, true, 400, 'bad_request'],
    ['a corrupt stream', '/v1/events/batch', LINES_HEADERS + GZIP, NOISE, false, 400, 'bad_request'],
    [
      'a stream of lines that are no events',
      '/v1/events/batch',
      LINES_HEADERS,
      Buffer.from('x\n'.repeat(8 * 1024 * 1024)),
      false,
      422,
      'validation_error',
    ],
    [
      'a stream that is corrupt later',
      '/v1/events/batch',
      LINES_HEADERS + GZIP,
      Buffer.concat([gzipSync(`${EVENT}\n`.repeat(1_000)), NOISE]),
      false,
      400,
      'bad_request',
    ],
  ])('after %s', async (_what, path, headers, body, isChunked, status, code) => {
    const answer = await exchange(path, headers, body, isChunked)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toMatch(/\r\nconnection: close\r\n/i)
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ code })
  })

  test('one that goes on for ever is cut off', async () => {
    const socket = connect({ port: Number(new URL(api.url).port), host: '127.0.0.1' })
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.on('error', () => undefined).resume()
    const authorization = `Authorization: Bearer ${client.apiKey}\r\n`
    socket.write(
      `POST /v1/events HTTP/1.1\r\nHost: x\r\n${authorization}${JSON_HEADERS}Transfer-Encoding: chunked\r\n\r\n`,
    )
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1024 * 1024, ' '), Buffer.from('\r\n')])
    const send = () => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', send)
    send()
    expect(await closed).toBeDefined()
  })
})
