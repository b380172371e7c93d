import { describe, expect, test } from 'vitest'
import { type ClientOptions, readOptions } from '../../../client/src/client-options.ts'
import { backoffMs } from '../../../client/src/delivery/backoff.ts'
import { judgeBatchAnswer, retryAfterMs } from '../../../client/src/delivery/judge-answer.ts'
import { eventText, numberedText, type UsageEvent } from '../../../client/src/event-text.ts'

const NOW = Date.parse('2026-01-31T12:00:00Z')
const ISSUE = { loc: ['body', 'events', 1, 'timestamp'], msg: 'no time', type: 'timestamp' }

function judge(
  status: number,
  body: unknown,
  { retryAfter = null as string | null, date = null as string | null, count = 2 } = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return judgeBatchAnswer({ status, retryAfter, date, text }, count, NOW)
}

describe('an answer to a batch', () => {
  test.each([202, 422])('%i with a result per event settles each on its own', (status) => {
    const results = [{ status: 'accepted' }, { status: 'rejected', errors: [ISSUE] }]
    expect(judge(status, { results })).toEqual({ kind: 'settled', rejected: new Map([[1, [ISSUE]]]) })
  })

  test.each([
    [413, '<html>too large</html>'],
    [422, { code: 'validation_error', detail: [ISSUE] }],
    [400, { code: 'bad_request', message: 'no' }],
  ])('%i that refuses the whole is divided', (status, body) => {
    expect(judge(status, body).kind).toBe('divide')
  })

  test.each([401, 403])('%i waits for somebody to give it a key', (status) => {
    expect(judge(status, {})).toMatchObject({ kind: 'stop', error: { code: 'unauthorized' } })
  })

  test.each([
    [500, {}, 'unexpected_answer'],
    [502, '<html>', 'unexpected_answer'],
    [503, {}, 'overloaded'],
    [404, {}, 'unexpected_answer'],
    [400, '<html>bad gateway</html>', 'unexpected_answer'],
    [302, '', 'unexpected_answer'],
    [200, 'welcome to the hotel', 'unexpected_answer'],
    [202, { results: [{ status: 'accepted' }] }, 'unexpected_answer'],
  ])('%i with %j costs no event: the batch goes again', (status, body, code) => {
    expect(judge(status, body)).toMatchObject({ kind: 'wait', error: { code } })
  })

  test('429 is heeded for as long as it says', () => {
    expect(judge(429, {}, { retryAfter: '7' })).toMatchObject({
      kind: 'wait',
      atLeastMs: 7_000,
      error: { code: 'overloaded' },
    })
    expect(judge(429, {})).not.toHaveProperty('atLeastMs')
  })

  test('a date is measured against the clock of whoever answers', () => {
    const answer = { retryAfter: 'Sun, 01 Feb 2026 12:00:02 GMT', date: 'Sun, 01 Feb 2026 12:00:00 GMT' }
    expect(judge(503, {}, answer)).toMatchObject({ kind: 'wait', atLeastMs: 2_000 })
  })

  test('a single event is too large only when the service says so', () => {
    const ofProxy = judge(413, '<html>too large</html>', { count: 1 })
    expect(ofProxy).toMatchObject({ kind: 'wait', error: { code: 'unexpected_answer' } })
    expect(judge(413, { code: 'payload_too_large' }, { count: 1 }).kind).toBe('divide')
  })
})

test.each([
  ['0', 0],
  ['120', 120_000],
  ['86400', 3_600_000],
  ['9'.repeat(400), 3_600_000],
  ['Sat, 31 Jan 2026 12:00:30 GMT', 30_000],
  ['Sat, 31 Jan 2026 11:00:00 GMT', 0],
  ['soon', undefined],
  [null, undefined],
])('Retry-After %j is %j ms', (text, expected) => {
  expect(retryAfterMs(text, NOW)).toBe(expected)
})

test('the wait after failures is anything up to a bound that doubles, and never above the most', () => {
  const most = [0, 1, 2, 3, 10, 1_000].map((failures) => backoffMs(failures, { maxMs: 30_000, random: 1 }))
  expect(most).toEqual([250, 500, 1_000, 2_000, 30_000, 30_000])
  expect(backoffMs(5, { maxMs: 30_000, random: 0 })).toBe(0)
})

describe('an event', () => {
  test('is written down with an id and a time that every attempt repeats', () => {
    const { transactionId, text } = eventText({ externalCustomerId: 'acme', code: 'llm' })
    expect(JSON.parse(text)).toEqual({
      transaction_id: transactionId,
      external_customer_id: 'acme',
      code: 'llm',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      properties: {},
    })
  })

  test('is sent with its number, whatever the name of the producer', () => {
    const { text } = eventText({
      transactionId: 't',
      externalCustomerId: 'acme',
      code: 'llm',
      timestamp: new Date(NOW),
    })
    expect(JSON.parse(numberedText(text, { producerId: 'a"b.\n', sequence: 7 }))).toEqual({
      transaction_id: 't',
      external_customer_id: 'acme',
      code: 'llm',
      timestamp: '2026-01-31T12:00:00.000Z',
      properties: {},
      producer_id: 'a"b.\n',
      producer_sequence: 7,
    })
  })

  test.each([
    [{ externalCustomerId: '' }, 'invalid_event'],
    [{ code: 'x'.repeat(256) }, 'invalid_event'],
    [{ timestamp: new Date(Number.NaN) }, 'invalid_event'],
    [{ properties: { tokens: 5n } }, 'invalid_event'],
    [{ properties: { text: 'x'.repeat(1_100_000) } }, 'event_too_large'],
  ])('%o is refused before it is recorded', (about, code) => {
    expect(() => eventText({ externalCustomerId: 'acme', code: 'llm', ...about })).toThrow(
      expect.objectContaining({ code }),
    )
  })
})

describe('what JSON would change or leave out', () => {
  const circle: Record<string, unknown> = {}
  circle['itself'] = circle
  const unset: unknown[] = Object.assign([], { length: 1 })
  test.each<[object, string]>([
    [{ transaction_id: 'order-1' }, 'transaction_id is not a field of an event'],
    [{ propertys: {} }, 'propertys is not a field of an event'],
    [{ source: () => 1 }, 'source is a function, which JSON cannot hold'],
    [{ preciseTotalAmountCents: Number.NaN }, 'preciseTotalAmountCents is NaN, which JSON cannot hold'],
    [{ properties: new Map([['tokens', 5]]) }, 'properties is a Map, which JSON cannot hold'],
    [{ properties: { toJSON: () => [1] } }, 'properties must be an object'],
    [{ properties: null }, 'properties must be an object'],
    [{ properties: { usage: { tokens: Number.NaN } } }, 'properties.usage.tokens is NaN, which JSON cannot hold'],
    [{ properties: { list: [1, -Infinity] } }, 'properties.list[1] is -Infinity, which JSON cannot hold'],
    [{ properties: { tokens: 5n } }, 'properties.tokens is a bigint, which JSON cannot hold'],
    [{ properties: { models: new Set(['large']) } }, 'properties.models is a Set, which JSON cannot hold'],
    [{ properties: { when: new Date(Number.NaN) } }, 'properties.when is NaN, which JSON cannot hold'],
    [{ properties: { what: Symbol('large') } }, 'properties.what is a symbol, which JSON cannot hold'],
    [{ properties: { list: [undefined] } }, 'properties.list[0] is undefined, which JSON cannot hold in a list'],
    [{ properties: { list: unset } }, 'properties.list[0] is undefined, which JSON cannot hold in a list'],
    [{ properties: { circle } }, 'properties cannot be written as JSON'],
  ])('%o is refused by name', (about, message) => {
    const event = { externalCustomerId: 'acme', code: 'llm', ...about }
    expect(() => eventText(event)).toThrow(expect.objectContaining({ code: 'invalid_event', message }))
  })

  test.each([null, undefined, 'event', 5])('%j is no event', (event) => {
    expect(() => eventText(event as unknown as UsageEvent)).toThrow(
      expect.objectContaining({ code: 'invalid_event', message: 'an event must be an object' }),
    )
  })

  test('is nothing of what has a text of its own, and undefined is left out', () => {
    class Tokens {
      readonly input = 5
    }
    const properties = {
      when: new Date(NOW),
      tokens: new Tokens(),
      nothing: undefined,
      none: null,
      list: ['x', 1, true],
    }
    const event = { externalCustomerId: 'acme', code: 'llm', properties, foreign: undefined }
    const { text } = eventText(event)
    expect((JSON.parse(text) as { properties: unknown }).properties).toEqual({
      when: '2026-01-31T12:00:00.000Z',
      tokens: { input: 5 },
      none: null,
      list: ['x', 1, true],
    })
  })
})

test.each([
  [{ url: 'ftp://x' }, 'url'],
  [{ url: 'nowhere' }, 'url'],
  [{ url: new URL('http://localhost') }, 'url'],
  [{ url: ['http://localhost'] }, 'url'],
  [{ url: 'http://name:hush@localhost' }, 'url'],
  [{ url: 'http://localhost/?key=hush' }, 'url'],
  [{ url: 'http://localhost/#hush' }, 'url'],
  [{ url: 'http://localhost/?' }, 'url'],
  [{ apiKey: '' }, 'apiKey'],
  [{ apiKey: 'hush\n' }, 'apiKey'],
  [{ apiKey: 'hush hush' }, 'apiKey'],
  [{ apiKey: 'hüsh' }, 'apiKey'],
  [{ producer: 'a\0b' }, 'producer'],
  [{ producer: 'a\ud800b' }, 'producer'],
  [{ spoolDirectory: '' }, 'spoolDirectory'],
  [{ producer: 'x'.repeat(201) }, 'producer'],
  [{ batchEvents: 5_001 }, 'batchEvents'],
  [{ flushIntervalMs: -1 }, 'flushIntervalMs'],
  [{ lockWaitMs: -1 }, 'lockWaitMs'],
  [{ requestTimeoutMs: 2 ** 31 }, 'requestTimeoutMs'],
  [{ requestTimeoutMs: Infinity }, 'requestTimeoutMs'],
  [{ maxSpoolBytes: 1.5 }, 'maxSpoolBytes'],
])('options with %j are refused by name', (about, name) => {
  const options = { url: 'http://localhost', apiKey: 'tk', spoolDirectory: 'spool', ...about } as ClientOptions
  expect(() => readOptions(options)).toThrow(
    expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(name) }),
  )
  expect(() => readOptions(options)).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/h[uü]sh/) }))
})
