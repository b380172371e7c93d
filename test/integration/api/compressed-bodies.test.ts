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
