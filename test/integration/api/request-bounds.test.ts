import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient
const sockets: Socket[] = []

function startBefore(environment: NodeJS.ProcessEnv): void {
  beforeAll(async () => {
    api = await startApi(environment)
    client = await api.client()
  })
  afterAll(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await api.stop()
  })
}

const EVENT = { transaction_id: 't', external_customer_id: 'acme', code: 'llm' }

/** Begins a request whose body goes on after what is sent, unless it is all. */
function begin(path: string, headers: string, body: Buffer | string, isAll = false): Socket {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
  sockets.push(socket)
  const authorization = `Authorization: Bearer ${client.apiKey}\r\n`
  const more = `${authorization}${headers}\r\nTransfer-Encoding: chunked\r\n\r\n`
  socket.write(`POST /v1${path} HTTP/1.1\r\nHost: x\r\n${more}`)
  if (body.length > 0) writeChunk(socket, body)
  if (isAll) socket.write('0\r\n\r\n')
  return socket
}

function writeChunk(socket: Socket, chunk: Buffer | string): void {
  socket.write(`${Buffer.byteLength(chunk).toString(16)}\r\n`)
  socket.write(chunk)
  socket.write('\r\n')
}

async function answerOf(
  socket: Socket,
): Promise<{ status: number; head: string; body: ReturnType<typeof JSON.parse> }> {
  let text = ''
  for await (const piece of socket) {
    text += piece
    const end = text.indexOf('\r\n\r\n')
    if (end === -1) continue
    try {
      return { status: Number(text.slice(9, 12)), head: text.slice(0, end), body: JSON.parse(text.slice(end)) }
    } catch {
      // More of it comes.
    }
  }
  throw new Error(`the connection ended after ${text}`)
}

const JSON_TYPE = 'Content-Type: application/json'
const LINES_TYPE = 'Content-Type: application/x-ndjson'

describe('a body that does not come to its end', () => {
  startBefore({ REQUEST_TIMEOUT_SECONDS: '1' })

  test.each([
    ['/events', JSON_TYPE, '{"transaction_id":'],
    ['/customers', JSON_TYPE, '{'],
    ['/events', `${JSON_TYPE}\r\nContent-Encoding: gzip`, gzipSync('{}').subarray(0, 12)],
  ])('at %s is answered in time', async (path, headers, body) => {
    expect(await answerOf(begin(path, headers, body))).toMatchObject({
      status: 408,
      head: expect.stringMatching(/connection: close/i),
      body: { detail: 'the body did not come to its end within 1 seconds; send it again', code: 'request_timeout' },
    })
  })

  test('of a stream is waited for as long as something comes, and answered with what is durable', async () => {
    const socket = begin('/events/batch', LINES_TYPE, '')
    for (let line = 0; line < 8; line += 1) {
      writeChunk(socket, `${JSON.stringify({ ...EVENT, transaction_id: `s${line}` })}\n`)
      await pause(300)
    }
    expect(await answerOf(socket)).toMatchObject({
      status: 408,
      body: { code: 'request_timeout', accepted: 8, durable_lines: 8 },
    })
  })
})

describe('while large bodies fill the memory', () => {
  startBefore({ REQUEST_MAX_HELD_MB: '1' })

  const SPACES = ' '.repeat(900 * 1024)
  const LARGE = gzipSync(`${SPACES}{}`)

  async function fill(): Promise<Socket> {
    const socket = begin('/events', JSON_TYPE, SPACES)
    await once(socket, 'ready')
    await pause(50)
    return socket
  }

  test('events are refused with 429, other requests with 503, and small ones come through', async () => {
    const filling = await fill()
    const coded = { 'content-encoding': 'gzip' }
    const events = await client.post('/events', new Uint8Array(LARGE), coded)
    expect([events.status, events.body]).toEqual([
      429,
      { detail: expect.stringContaining('nothing was accepted'), code: 'ingest_overloaded' },
    ])
    expect(events.headers.get('retry-after')).toMatch(/^[1-3]$/)
    const other = await client.post('/customers', new Uint8Array(LARGE), coded)
    expect([other.status, other.body.code]).toEqual([503, 'server_overloaded'])
    expect(other.headers.get('retry-after')).toMatch(/^[1-3]$/)
    expect((await client.post('/events', EVENT)).status).toBe(202)
    filling.destroy()
    await pause(50)
    expect((await client.post('/customers', new Uint8Array(LARGE), coded)).status).toBe(422)
  })

  test('so is a compressed stream whose window has no room, and one alone goes on', async () => {
    const lines = Array.from(
      { length: 20_000 },
      (_, index) => `${JSON.stringify({ ...EVENT, transaction_id: `w${index}` })}\n`,
    )
    const params = { [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_windowLog]: 20 }
    const body = zstdCompressSync(lines.join(''), { params })
    const stream = () => answerOf(begin('/events/batch', `${LINES_TYPE}\r\nContent-Encoding: zstd`, body, true))
    expect(await stream()).toMatchObject({ status: 202, body: { accepted: 20_000 } })
    const filling = await fill()
    expect(await stream()).toMatchObject({ status: 429, body: { code: 'ingest_overloaded' } })
    filling.destroy()
  })

  test('a stream with a long line is refused with what is durable', async () => {
    const filling = await fill()
    const answer = await answerOf(begin('/events/batch', LINES_TYPE, `${JSON.stringify(EVENT)}\n${SPACES}`))
    expect(answer).toMatchObject({ status: 429, body: { code: 'ingest_overloaded', durable_lines: 1 } })
    filling.destroy()
  })
})
