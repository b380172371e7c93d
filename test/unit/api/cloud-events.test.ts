import { describe, expect, test } from 'vitest'
import { parseBinaryCloudEvent, parseCloudEvent } from '../../../api/events/cloud-events.ts'
import { parseExactJson } from '../../../shared/json/exact-json.ts'

const RECEIVED = Date.parse('2026-03-01T00:00:00Z') * 1000
const EVENT = {
  specversion: '1.0',
  id: 'request-1',
  source: 'gateway',
  type: 'llm_request',
  subject: 'acme',
  time: '2026-01-31T12:00:00Z',
  datacontenttype: 'application/json',
  data: { tokens: 5 },
}

function parse(value: unknown) {
  return parseCloudEvent(value, { loc: ['body', 3], receivedAtMicros: RECEIVED })
}

function faultsOf(value: unknown): unknown[] {
  const parsed = parse(value)
  return 'issues' in parsed ? parsed.issues.map(({ loc, type }) => [...loc.slice(2), type]) : []
}

test('every attribute has its place in the event', () => {
  expect(parse(EVENT)).toEqual({
    event: {
      transactionId: 'request-1',
      source: 'gateway',
      code: 'llm_request',
      externalCustomerId: 'acme',
      externalSubscriptionId: null,
      timestampMicros: Date.parse('2026-01-31T12:00:00Z') * 1000,
      timedByServer: false,
      properties: { tokens: 5 },
    },
  })
})

test('without time and data it happened when it was received, and has no properties', () => {
  const { time: _, data: __, ...bare } = EVENT
  expect(parse({ ...bare, dataschema: null })).toMatchObject({
    event: { timestampMicros: RECEIVED, timedByServer: true, properties: {} },
  })
})

test('extension attributes are properties, unless the data has one of that name', () => {
  const event = { ...EVENT, region: 'eu', tokens: 7, sampled: true }
  expect(parse(event)).toMatchObject({ event: { properties: { region: 'eu', sampled: true, tokens: 5 } } })
})

test('the trace of a message is no property of the usage', () => {
  const parsed = parse({ ...EVENT, traceparent: '00-1-2-01', tracestate: 'a=b' })
  expect(parsed).toMatchObject({ event: { properties: { tokens: 5 } } })
  expect(parsed).not.toHaveProperty('event.properties.traceparent')
})

test.each([5, '5'])('a producer numbers its events by %j', (producersequence) => {
  const parsed = parse({ ...EVENT, producerid: 'gateway-1', producersequence })
  expect(parsed).toMatchObject({ event: { producer: { id: 'gateway-1', sequence: 5 }, properties: { tokens: 5 } } })
})

test('two extension attributes name the subscription and the price', () => {
  const event = { ...EVENT, externalsubscriptionid: 'acme-pro', precisetotalamountcents: '12.5' }
  expect(parse(event)).toMatchObject({
    event: { externalSubscriptionId: 'acme-pro', preciseTotalAmountCents: '12.5', properties: { tokens: 5 } },
  })
})

test('numbers keep their digits, also beside extension attributes', () => {
  const text =
    '{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"c","x":1,"data":{"n":0.10000000000000000001}}'
  const parsed = parse(parseExactJson(text))
  expect(JSON.stringify('event' in parsed && parsed.event.properties)).toBe('{"x":1,"n":0.10000000000000000001}')
})

describe('faults name the attribute', () => {
  test.each([
    ['specversion', undefined, 'missing'],
    ['specversion', '0.3', 'literal_error'],
    ['specversion', 1, 'literal_error'],
    ['id', undefined, 'missing'],
    ['id', null, 'missing'],
    ['id', '', 'string_length'],
    ['source', undefined, 'missing'],
    ['source', '', 'string_length'],
    ['type', undefined, 'missing'],
    ['type', 5, 'string_type'],
    ['subject', undefined, 'missing'],
    ['time', 'yesterday', 'timestamp'],
    ['time', 1_769_860_800, 'timestamp'],
    ['time', '1769860800', 'timestamp'],
    ['time', 5, 'timestamp'],
    ['time', -1.5, 'timestamp'],
    ['time', '5', 'timestamp'],
    ['region', 'a\u0000b', 'properties_unstorable'],
    ['datacontenttype', 'text/plain', 'media_type'],
    ['data', 'text', 'object_type'],
    ['data', [1], 'object_type'],
    ['data_base64', 'AAAA', 'extra_forbidden'],
    ['externalsubscriptionid', 5, 'string_type'],
    ['producersequence', 5, 'missing', 'producerid'],
    ['Region', 'eu', 'extra_forbidden'],
    ['region', { name: 'eu' }, 'string_type'],
  ])('%s of %j', (attribute, value, type, named = attribute) => {
    expect(faultsOf({ ...EVENT, [attribute]: value })).toEqual([[named, type]])
  })

  test('and the path within the data, which wins over an attribute of that name', () => {
    const data = { region: ['eu', '\u0000'] }
    expect(faultsOf({ ...EVENT, data, region: 'eu' })).toEqual([['data', 'region', 1, 'properties_unstorable']])
  })

  test('all of them, up to a number', () => {
    expect(faultsOf({})).toEqual([
      ['subject', 'missing'],
      ['id', 'missing'],
      ['type', 'missing'],
      ['specversion', 'missing'],
      ['source', 'missing'],
    ])
    const hostile = Object.fromEntries(Array.from({ length: 1000 }, (_, number) => [`A${number}`, 1]))
    expect(faultsOf({ ...EVENT, ...hostile })).toHaveLength(20)
  })

  test('what is no object is no event', () => {
    expect(faultsOf([EVENT])).toEqual([['object_type']])
  })
})

describe('an event in headers', () => {
  const HEADERS = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': 'request-1',
    'ce-source': '/gate%20way',
    'ce-type': 'llm_request',
    'ce-subject': 'acme',
    'ce-time': '2026-01-31T12:00:00Z',
    'ce-region': 'eu',
  }

  test('attributes are read from the headers, the data from the body', () => {
    expect(parseBinaryCloudEvent({ headers: HEADERS, body: { tokens: 5 } }, RECEIVED)).toMatchObject({
      event: {
        transactionId: 'request-1',
        source: '/gate way',
        externalCustomerId: 'acme',
        properties: { region: 'eu', tokens: 5 },
      },
    })
  })

  test('faults name the header, or the body', () => {
    const { 'ce-id': _, ...headers } = HEADERS
    const parsed = parseBinaryCloudEvent({ headers, body: 'text' }, RECEIVED)
    expect('issues' in parsed && parsed.issues.map(({ loc, type }) => [loc, type])).toEqual([
      [['header', 'ce-id'], 'missing'],
      [['body'], 'object_type'],
    ])
  })

  test.each([
    ['"acme"', 'acme'],
    ['"a \\"b\\" \\\\ c"', 'a "b" \\ c'],
    ['"%22"', '"'],
    ['Euro%20%E2%82%AC', 'Euro €'],
    ['%2541', '%41'],
    ['a"b', 'a"b'],
  ])('%s in a header is %j', (sent, externalCustomerId) => {
    const headers = { ...HEADERS, 'ce-subject': [sent] }
    expect(parseBinaryCloudEvent({ headers, body: {} }, RECEIVED)).toMatchObject({ event: { externalCustomerId } })
  })

  test.each([
    ['ce-subject', 'ac%zz', 'header_encoding'],
    ['ce-subject', 'acme%', 'header_encoding'],
    ['ce-subject', '%C3%28', 'header_encoding'],
    ['ce-subject', '\u00c3\u00a9', 'header_encoding'],
    ['ce-subject', '"acme', 'header_encoding'],
    ['ce-subject', '"acme" inc', 'header_encoding'],
    ['ce-region', '%', 'header_encoding'],
    ['ce-id', ['x', 'y'], 'header_repeated'],
  ])('the header %s with %j is refused by name', (name, sent, type) => {
    const parsed = parseBinaryCloudEvent({ headers: { ...HEADERS, [name]: sent }, body: {} }, RECEIVED)
    expect(parsed).toEqual({ issues: [{ loc: ['header', name], msg: expect.any(String), type }] })
  })
})
