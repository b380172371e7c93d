import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'

let api: TestApi
let workers: RunningWorkers
let client: ApiClient

beforeAll(async () => {
  api = await startApi()
  workers = await startWorkers(api.config, ['aggregate-usage'])
})
beforeEach(async () => {
  client = await api.client()
})
afterAll(async () => {
  await workers.stop()
  await api.stop()
})

const NDJSON = { 'content-type': 'application/x-ndjson' }
const EVENT = { external_customer_id: 'acme', code: 'llm' }

function line(id: string, more: object = {}): string {
  return JSON.stringify({ transaction_id: id, ...EVENT, ...more })
}

/** The events of the customer once as many are counted, by transaction id. */
async function counted(events: number): Promise<{ transaction_id: string; properties: unknown }[]> {
  await vi.waitFor(
    async () => expect((await client.get('/events?external_customer_id=acme&limit=1')).body.data).toHaveLength(1),
    { timeout: 20_000, interval: 50 },
  )
  const rows: { transaction_id: string; properties: unknown }[] = []
  await vi.waitFor(
    async () => {
      rows.length = 0
      for (let cursor = ''; ; ) {
        const { body } = await client.get(`/events?external_customer_id=acme&limit=100${cursor}`)
        rows.push(...body.data)
        if (body.next_cursor === null) break
        cursor = `&cursor=${encodeURIComponent(body.next_cursor)}`
      }
      expect(rows).toHaveLength(events)
    },
    { timeout: 20_000, interval: 100 },
  )
  return rows
}

describe('a stream of lines', () => {
  test('every line is taken in, and the answer counts them', async () => {
    const answer = await client.post('/events/batch', `${line('a')}\n${line('b')}\r\n\n${line('c')}`, NDJSON)
    expect([answer.status, answer.body]).toEqual([202, { accepted: 3, rejected: 0, rejections: [], durable_lines: 4 }])
    expect((await counted(3)).map((event) => event.transaction_id).sort()).toEqual(['a', 'b', 'c'])
  })

  test('a line that is wrong is rejected by itself, with its number', async () => {
    const body = [
      line('a'),
      'nonsense',
      line('b', { code: '' }),
      JSON.stringify({ transaction_id: 'x'.repeat(1024 * 1024) }),
      '\u0000',
      '5',
      `{"properties":${'['.repeat(100_000)}`,
      line('c'),
    ]
    const answer = await client.post('/events/batch', body.join('\n'), NDJSON)
    expect([answer.status, answer.body]).toEqual([
      202,
      {
        accepted: 2,
        rejected: 6,
        durable_lines: 8,
        rejections: [
          rejection(2, null, [], 'json_invalid'),
          rejection(3, 'b', ['code'], 'string_length'),
          rejection(4, null, [], 'line_too_long'),
          rejection(5, null, [], 'json_invalid'),
          rejection(6, null, [], 'object_type'),
          rejection(7, null, ['properties', ...Array.from({ length: 63 }, () => 0)], 'too_deep'),
        ],
      },
    ])
    await counted(2)
  })

  function rejection(number: number, id: string | null, path: (string | number)[], type: string) {
    return {
      line: number,
      transaction_id: id,
      errors: [{ loc: ['body', number, ...path], msg: expect.any(String), type }],
    }
  }

  test('bytes that are no UTF-8 spoil their own line only', async () => {
    const body = Buffer.concat([Buffer.from(`${line('a')}\n`), Buffer.from([0x22, 0xff, 0x22, 0x0a])])
    const answer = await client.post('/events/batch', new Uint8Array(body), NDJSON)
    expect(answer.body).toMatchObject({ accepted: 1, rejected: 1, rejections: [{ line: 2 }] })
  })

  test('numbers keep their digits', async () => {
    const properties = '{"big": 12345678901234567890, "long": 0.10000000000000000000000001}'
    const body = `{"transaction_id":"n","external_customer_id":"acme","code":"llm","properties":${properties}}\n`
    expect((await client.post('/events/batch', body, NDJSON)).status).toBe(202)
    await counted(1)
    expect((await client.get('/events?external_customer_id=acme')).text).toContain(
      properties.replaceAll(' ', '').slice(1, -1),
    )
  })

  test('only the first hundred that are rejected are named', async () => {
    const body = Array.from({ length: 250 }, () => '{}').join('\n')
    const answer = await client.post('/events/batch', `${line('a')}\n${body}`, NDJSON)
    expect(answer.body).toMatchObject({ accepted: 1, rejected: 250, durable_lines: 251 })
    expect(answer.body.rejections.map((rejected: { line: number }) => rejected.line)).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 2),
    )
  })

  test('one of lines that are no events is read no further than a bound', async () => {
    const body = `${line('a')}\n${'nonsense\n'.repeat(300_000)}`
    const answer = await client.post('/events/batch', body, NDJSON)
    expect([answer.status, answer.body]).toMatchObject([
      422,
      {
        code: 'validation_error',
        detail: [{ loc: ['body', expect.any(Number)], type: 'too_many_rejected' }],
        accepted: 1,
      },
    ])
    expect(answer.body.durable_lines).toBe(answer.body.rejected + 1)
    expect(answer.body.rejected).toBeLessThan(101_000)
    await counted(1)
  })

  test.each([
    ['{}\n{}', 2, 'missing'],
    ['\n\n', 0, 'too_short'],
    ['', 0, 'too_short'],
  ])('without an acceptable line %j is refused', async (body, rejected, type) => {
    const answer = await client.post('/events/batch', body, NDJSON)
    expect([answer.status, answer.body]).toMatchObject([
      422,
      {
        code: 'validation_error',
        accepted: 0,
        rejected,
        detail: expect.arrayContaining([expect.objectContaining({ type })]),
      },
    ])
  })

  test('it may be compressed', async () => {
    const lines = Array.from({ length: 3000 }, (_, index) => line(`z${index}`)).join('\n')
    const body = new Uint8Array(zstdCompressSync(lines))
    const answer = await client.post('/events/batch', body, { ...NDJSON, 'content-encoding': 'zstd' })
    expect([answer.status, answer.body.accepted]).toEqual([202, 3000])
  })

  test('one that breaks off in its compression says how far it is durable', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => line(`y${index}-${Math.random()}`)).join('\n')
    const body = zstdCompressSync(lines)
    const broken = new Uint8Array(body.subarray(0, body.length - 1000))
    const answer = await client.post('/events/batch', broken, { ...NDJSON, 'content-encoding': 'zstd' })
    expect([answer.status, answer.body]).toEqual([
      400,
      {
        detail: expect.stringContaining('content-encoding'),
        code: 'bad_request',
        accepted: answer.body.durable_lines,
        rejected: 0,
        rejections: [],
        durable_lines: expect.any(Number),
      },
    ])
    expect(answer.body.durable_lines).toBeGreaterThan(1000)
  })

  test('lines are counted as they come, while the stream goes on', async () => {
    const { host } = new URL(api.url)
    const [hostname, port] = host.split(':')
    const sending = httpRequest({
      hostname,
      port,
      method: 'POST',
      path: '/v1/events/batch',
      headers: { ...NDJSON, authorization: `Bearer ${client.apiKey}` },
    })
    const status = new Promise((resolve) => {
      sending.on('response', (response) => resolve(response.resume().statusCode))
    })
    sending.write(`${line('first')}\n${line('half').slice(0, 10)}`)
    await counted(1)
    sending.end(line('half').slice(10))
    expect(await status).toBe(202)
    await counted(2)
  })

  test('one whose sender goes away leaves what was read', async () => {
    const { hostname, port } = new URL(api.url)
    const sending = httpRequest({
      hostname,
      port,
      method: 'POST',
      path: '/v1/events/batch',
      headers: { ...NDJSON, authorization: `Bearer ${client.apiKey}` },
    })
    sending.on('error', () => undefined)
    sending.write(`${line('first')}\n`)
    await counted(1)
    sending.destroy()
    await pause(50)
    const again = await client.post('/events/batch', `${line('first')}\n${line('second')}`, NDJSON)
    expect(again.body).toMatchObject({ accepted: 2 })
    await counted(2)
  })

  test('a long one is counted exactly', async () => {
    const total = 30_000
    async function* pieces() {
      for (let start = 0; start < total; start += 100) {
        const lines = Array.from(
          { length: 100 },
          (_, index) => `${line(`m${start + index}`, { properties: { n: 1 } })}\n`,
        )
        yield Buffer.from(lines.join(''))
      }
    }
    await client.post('/billable_metrics', {
      code: 'n',
      name: 'N',
      aggregation: 'sum',
      field_name: 'n',
      event_code: 'llm',
    })
    const response = await fetch(`${api.url}/v1/events/batch`, {
      method: 'POST',
      headers: { ...NDJSON, authorization: `Bearer ${client.apiKey}` },
      body: ReadableStream.from(pieces()),
      duplex: 'half',
    })
    expect(await response.json()).toEqual({ accepted: total, rejected: 0, rejections: [], durable_lines: total })
    await vi.waitFor(
      async () => {
        const query =
          'billable_metric_code=n&external_customer_id=acme&from=2020-01-01T00:00:00Z&to=2090-01-01T00:00:00Z'
        const usage = await client.get(`/usage?${query}`)
        expect(usage.text).toContain(`"${total}"`)
      },
      { timeout: 40_000, interval: 200 },
    )
  })

  test('elsewhere lines are no body', async () => {
    const answer = await client.post('/events', line('a'), NDJSON)
    expect([answer.status, answer.body.code]).toEqual([415, 'unsupported_media_type'])
  })
})

const CLOUD_EVENT = {
  specversion: '1.0',
  id: 'c1',
  source: 'gateway',
  type: 'llm',
  subject: 'acme',
  time: '2026-01-31T12:00:00Z',
  region: 'eu',
  data: { tokens: 5 },
}
const STRUCTURED = { 'content-type': 'application/cloudevents+json; charset=UTF-8' }
const BATCH = { 'content-type': 'application/cloudevents-batch+json' }

describe('CloudEvents', () => {
  test('one of the JSON format, one in headers and one of our own are the same event', async () => {
    const structured = await client.post('/events', CLOUD_EVENT, STRUCTURED)
    expect([structured.status, structured.body]).toEqual([202, { transaction_id: 'c1', status: 'accepted' }])
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': 'c1',
      'ce-source': 'gateway',
      'ce-type': 'llm',
      'ce-subject': 'acme',
      'ce-time': '2026-01-31T12:00:00Z',
      'ce-region': 'eu',
    }
    expect((await client.post('/events', { tokens: 5 }, headers)).status).toBe(202)
    const native = { transaction_id: 'c1', source: 'gateway', ...EVENT, timestamp: '2026-01-31T12:00:00Z' }
    await client.post('/events', { ...native, properties: { tokens: 5, region: 'eu' } })
    await client.post('/events', { ...CLOUD_EVENT, id: 'c2' }, STRUCTURED)
    const events = await counted(2)
    expect(events.map((event) => event.properties)).toEqual([
      { region: 'eu', tokens: 5 },
      { region: 'eu', tokens: 5 },
    ])
    expect((await client.get('/events/unprocessed?reason=duplicate_conflict')).body.data).toEqual([])
  })

  test('a batch has a result for each', async () => {
    const { subject: _, ...nameless } = CLOUD_EVENT
    const answer = await client.post('/events/batch', [CLOUD_EVENT, { ...nameless, id: 'c3' }], BATCH)
    expect([answer.status, answer.body]).toEqual([
      202,
      {
        accepted: 1,
        rejected: 1,
        results: [
          { transaction_id: 'c1', status: 'accepted' },
          {
            transaction_id: 'c3',
            status: 'rejected',
            errors: [{ loc: ['body', 1, 'subject'], msg: 'this field is required', type: 'missing' }],
          },
        ],
      },
    ])
  })

  test.each([
    [{}, 'list_type'],
    [[], 'too_short'],
    [Array.from({ length: 5001 }, () => CLOUD_EVENT), 'too_long'],
  ])('a batch that is no list of 1 to 5,000 is refused', async (body, type) => {
    const answer = await client.post('/events/batch', body, BATCH)
    expect([answer.status, answer.body.detail]).toEqual([422, [{ loc: ['body'], msg: expect.any(String), type }]])
  })

  test('a fault names the attribute, or the header', async () => {
    const wrong = await client.post('/events', { ...CLOUD_EVENT, specversion: '0.3' }, STRUCTURED)
    expect([wrong.status, wrong.body.detail]).toEqual([
      422,
      [{ loc: ['body', 'specversion'], msg: 'must be "1.0"', type: 'literal_error' }],
    ])
    const headers = await client.post(
      '/events',
      {},
      { 'ce-specversion': '1.0', 'ce-id': 'c1', 'ce-type': 'llm', 'ce-source': 's' },
    )
    expect(headers.body.detail).toEqual([
      { loc: ['header', 'ce-subject'], msg: 'this field is required', type: 'missing' },
    ])
  })

  test.each(['ce-specversion', 'ce-id', 'ce-source', 'ce-type'])(
    'any of the four required attributes in a header says what is missing of the others: %s',
    async (name) => {
      const { body } = await client.post('/events', {}, { [name]: '1.0' })
      const others = ['ce-specversion', 'ce-id', 'ce-source', 'ce-type', 'ce-subject'].filter((other) => other !== name)
      expect(body.detail.map(({ loc }: { loc: string[] }) => loc[1]).sort()).toEqual(others.sort())
    },
  )

  test('a header that is sent twice is refused by name', async () => {
    const headers = {
      authorization: `Bearer ${client.apiKey}`,
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': ['x', 'y'],
    }
    const request = httpRequest(`${api.url}/v1/events`, { method: 'POST', headers })
    const [answer] = await once(request.end('{}'), 'response')
    expect([answer.statusCode, JSON.parse(String(await once(answer, 'data')))]).toEqual([
      422,
      {
        detail: [{ loc: ['header', 'ce-id'], msg: 'must stand once', type: 'header_repeated' }],
        code: 'validation_error',
      },
    ])
  })

  test('one event is no batch, and a batch is no event', async () => {
    const one = await client.post('/events/batch', CLOUD_EVENT, STRUCTURED)
    const many = await client.post('/events', [CLOUD_EVENT], BATCH)
    expect([one.status, many.status]).toEqual([415, 415])
  })
})
