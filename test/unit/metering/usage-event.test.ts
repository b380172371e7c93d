import { describe, expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { parseUsageEvent } from '../../../shared/metering/usage-event.ts'

const RECEIVED = Date.UTC(2026, 0, 1) * 1000
const LOC = ['body', 'events', 3]

function parse(json: string) {
  return parseUsageEvent(parseExactJson(json), { loc: LOC, receivedAtMicros: RECEIVED })
}

test('an event without optional fields gets no source, no subscription, no properties and the time of its arrival', () => {
  expect(parse('{"transaction_id":"t","external_customer_id":"c","code":"k"}')).toEqual({
    event: {
      externalCustomerId: 'c',
      source: '',
      transactionId: 't',
      code: 'k',
      externalSubscriptionId: null,
      timestampMicros: RECEIVED,
      timedByServer: true,
      properties: {},
    },
  })
})

test('every fault of an event is named with its path', () => {
  expect(
    parse('{"transaction_id":"","external_customer_id":7,"timestamp":"yesterday","properties":[],"cod":"k"}'),
  ).toEqual({
    issues: [
      { loc: [...LOC, 'cod'], msg: 'unknown field', type: 'extra_forbidden' },
      { loc: [...LOC, 'external_customer_id'], msg: 'must be a string', type: 'string_type' },
      { loc: [...LOC, 'transaction_id'], msg: 'must have 1 to 255 characters', type: 'string_length' },
      { loc: [...LOC, 'code'], msg: 'this field is required', type: 'missing' },
      {
        loc: [...LOC, 'timestamp'],
        msg: 'must be ISO 8601 with an offset, or seconds since 1970, between the years 2000 and 2100',
        type: 'timestamp',
      },
      { loc: [...LOC, 'properties'], msg: 'must be a JSON object', type: 'object_type' },
    ],
  })
})

describe('what Postgres cannot hold is refused before it is acknowledged:', () => {
  const nested = (depth: number) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)
  test.each([
    ['NUL in a value', '{"a":"x\\u0000"}', ['a']],
    ['NUL in a key', '{"x\\u0000":1}', []],
    ['NUL in a key deep inside', '{"a":[1,{"x\\u0000":1}]}', ['a', 1]],
    ['NUL deep inside', '{"a":[{"b":["","\\u0000"]}]}', ['a', 0, 'b', 1]],
    ['half of a surrogate pair', '{"a":"\\ud800"}', ['a']],
    ['half of a surrogate pair in a key', '{"\\udc00":1}', []],
    ['a number with a huge exponent', '{"a":1e9999}', ['a']],
    ['a number of a thousand digits', `{"a":${'9'.repeat(1000)}}`, ['a']],
    ['bottomless nesting', nested(100), Array.from({ length: 32 }, () => 'a')],
  ])('%s, at its place', (_name, properties, path) => {
    const result = parse(`{"transaction_id":"t","external_customer_id":"c","code":"k","properties":${properties}}`)
    expect(result).toMatchObject({ issues: [{ loc: [...LOC, 'properties', ...path], type: 'properties_unstorable' }] })
  })

  test('NUL in a name', () => {
    const result = parse('{"transaction_id":"t\\u0000","external_customer_id":"c","code":"k"}')
    expect(result).toMatchObject({ issues: [{ loc: [...LOC, 'transaction_id'], type: 'string_unstorable' }] })
  })
})

test('emoji, deep but sane nesting and long numbers are welcome', () => {
  const properties = '{"a":"🧾","b":{"c":{"d":[1,2,{"e":12345678901234567890.123456789}]}}}'
  const result = parse(`{"transaction_id":"t","external_customer_id":"c","code":"k","properties":${properties}}`)
  expect(JSON.stringify('event' in result ? result.event.properties : result)).toBe(properties)
})

test.each(['[]', '"text"', '12', 'null', '1.0'])('%s is no event', (json) => {
  expect(parse(json)).toEqual({ issues: [{ loc: LOC, msg: 'an event is a JSON object', type: 'object_type' }] })
})
