import { request as httpRequest } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
})
afterAll(() => api.stop())

const EVENT = JSON.stringify({ transaction_id: 't1', external_customer_id: 'acme', code: 'llm', properties: { a: 1 } })
const ACCEPTED = [202, { transaction_id: 't1', status: 'accepted' }]
const MIB = 1024 * 1024

function post(path: string, coding: string, body: Buffer) {
  return client.post(path, new Uint8Array(body), { 'content-encoding': coding })
}

test.each([
  ['gzip', gzipSync(EVENT)],
  ['GZIP', gzipSync(EVENT)],
  ['x-gzip', gzipSync(EVENT)],
  ['zstd', zstdCompressSync(EVENT)],
  ['identity', Buffer.from(EVENT)],
  ['gzip', Buffer.concat([gzipSync(EVENT.slice(0, 20)), gzipSync(EVENT.slice(20))])],
  ['zstd', Buffer.concat([zstdCompressSync(EVENT.slice(0, 20)), zstdCompressSync(EVENT.slice(20))])],
])('a body in %s is read', async (coding, body) => {
  const answer = await post('/events', coding, body)
  expect([answer.status, answer.body]).toEqual(ACCEPTED)
})

test('every endpoint takes compressed bodies', async () => {
  const answer = await post('/customers', 'zstd', zstdCompressSync('{"external_id":"acme"}'))
  expect([answer.status, answer.body.external_id]).toEqual([201, 'acme'])
})

describe('a body that is larger than 16 MiB when it is decompressed', () => {
  test.each([
    ['gzip', gzipSync(Buffer.alloc(64 * MIB, ' '))],
    ['zstd', zstdCompressSync(Buffer.alloc(64 * MIB, ' '))],
  ])('%s is refused while it is read', async (coding, body) => {
    const answer = await post('/events', coding, body)
    expect([answer.status, answer.body]).toEqual([
      413,
      { detail: 'the body is larger than 16 MiB; send it in parts', code: 'payload_too_large' },
    ])
  })

  test('one that would fill the memory costs no more than the bound', async () => {
    const frame = zstdCompressSync(Buffer.alloc(64 * MIB))
    const bomb = Buffer.concat(Array.from({ length: 160 }, () => frame))
    const before = process.cpuUsage()
    expect((await post('/events', 'zstd', bomb)).status).toBe(413)
    const { user, system } = process.cpuUsage(before)
    // 10 GiB take seconds; the bound takes milliseconds.
    expect(user + system).toBeLessThan(1_500_000)
  })
})

test.each([
  ['gzip', Buffer.from(EVENT)],
  ['zstd', Buffer.from(EVENT)],
  ['gzip', gzipSync(EVENT).subarray(0, -5)],
  ['zstd', zstdCompressSync(EVENT).subarray(0, -5)],
  ['gzip', Buffer.concat([gzipSync(EVENT), Buffer.from('more')])],
])('a body that is no %s or breaks off is refused', async (coding, body) => {
  const answer = await post('/events', coding, body)
  expect([answer.status, answer.body]).toEqual([
    400,
    { detail: expect.stringContaining('the body is not what its content-encoding says'), code: 'bad_request' },
  ])
})

describe('what follows behind the end of a compressed body', () => {
  const LINES = `${EVENT}\n`
  const CODINGS = [
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const

  /** Sends the body with a pause before its last piece, so that it comes by itself. */
  function postInPieces(type: string, coding: string, pieces: readonly Buffer[]) {
    const { promise, resolve, reject } = Promise.withResolvers<[number | undefined, string]>()
    const headers = { authorization: `Bearer ${client.apiKey}`, 'content-type': type, 'content-encoding': coding }
    const path = type === 'application/json' ? '/v1/events' : '/v1/events/batch'
    const request = httpRequest(`${api.url}${path}`, { method: 'POST', headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
      })
      answer.on('end', () => resolve([answer.statusCode, text]))
    })
    request.on('error', reject)
    void (async () => {
      for (const piece of pieces) {
        request.write(piece)
        await pause(30)
      }
      request.end()
    })()
    return promise
  }

  const cases = CODINGS.flatMap(([coding, compress]) =>
    ['application/json', 'application/x-ndjson'].flatMap((type) => {
      const [first, whole] = [compress(type === 'application/json' ? EVENT : LINES), compress(LINES)]
      const broken = Buffer.from(whole)
      broken[0] = 7
      return [
        ['text', Buffer.from(LINES)],
        ['one letter', Buffer.from('x')],
        ['zeros', Buffer.alloc(512)],
        ['a broken beginning', broken],
        ['three bytes of another', whole.subarray(0, 3)],
        ['zeros and another', Buffer.concat([Buffer.alloc(1), whole])],
        ['a cut one', whole.subarray(0, -4)],
      ].map(([what, more]) => [what, type, coding, first, more as Buffer] as const)
    }),
  )
  const refused = [400, expect.stringContaining('the body is not what its content-encoding says')]

  test.each(cases)('%s is refused in %s as %s, in its piece or another', async (_what, type, coding, first, more) => {
    expect(await postInPieces(type, coding, [Buffer.concat([first, more])])).toEqual(refused)
    expect(await postInPieces(type, coding, [first, more])).toEqual(refused)
    expect(await postInPieces(type, coding, [first, more, first])).toEqual(refused)
  })

  test.each(CODINGS)('several whole ones of %s are read, wherever they are cut', async (coding, compress) => {
    const body = Buffer.concat([compress(LINES), compress(''), compress(LINES)])
    for (const at of [1, compress(LINES).length, compress(LINES).length + 2, body.length - 1]) {
      const answer = await postInPieces('application/x-ndjson', coding, [body.subarray(0, at), body.subarray(at)])
      expect(answer).toEqual([202, expect.stringContaining('"accepted":2')])
    }
  })
})

test('a zstd frame that asks for a window above 8 MiB is refused', async () => {
  // Magic number, then a descriptor without size, then a window of 2^27 bytes.
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0x00, 0x00])
  const answer = await post('/events', 'zstd', frame)
  expect([answer.status, answer.body.code]).toEqual([400, 'bad_request'])
})

test.each(['br', 'deflate', 'gzip, zstd'])('the coding %s is refused, with those that are read', async (coding) => {
  const answer = await post('/events', coding, Buffer.from(EVENT))
  expect([answer.status, answer.body, answer.headers.get('accept-encoding')]).toEqual([
    415,
    { detail: 'the content-encoding must be gzip or zstd, and only one of them', code: 'unsupported_media_type' },
    'gzip, zstd',
  ])
})
