import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readPlainBatch, readPlainEvent } from '../../../api/events/plain-events.ts'
import { eventRecords } from '../../../db/usage/record-writer.ts'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { parseUsageEvent } from '../../../shared/metering/usage-event.ts'

const RECEIVED_AT = Date.UTC(2026, 2, 1) * 1000

/** What the parser makes of the text: a record, or nothing where it refuses. */
function parsedRecord(text: string): Buffer | undefined {
  let value: unknown
  try {
    value = parseExactJson(text)
  } catch {
    return undefined
  }
  const parsed = parseUsageEvent(value, { loc: [], receivedAtMicros: RECEIVED_AT })
  return 'event' in parsed ? eventRecords([parsed.event]) : undefined
}

const readText = (text: string) => readPlainEvent(Buffer.from(text), RECEIVED_AT)
const withProperty = (value: string) =>
  `{"transaction_id":"t","external_customer_id":"c","code":"x","properties":{"v":${value}}}`
const withField = (field: string) => `{"transaction_id":"t","external_customer_id":"c","code":"x",${field}}`

test.each([
  '{"transaction_id":"t","external_customer_id":"c","code":"x"}',
  ' {\n "code" : "x" ,\t"external_customer_id":"c", "transaction_id": "t" }\r\n',
  withField('"timestamp":"2026-03-01T12:00:00Z"'),
  withField('"timestamp":"2028-02-29T23:59:59.5Z"'),
  withField('"timestamp":"2026-10-31T12:00:00.123456+00:00"'),
  withField('"timestamp":"2026-10-31T12:00:00-05:30"'),
  withField('"timestamp":1772366400'),
  withField('"timestamp":null,"external_subscription_id":null,"properties":null,"producer_id":null'),
  withField('"source":"","external_subscription_id":"s"'),
  withField('"source":"gateway/eu","producer_id":"p","producer_sequence":123456789012345'),
  '{"transaction_id":"tränsaktion-😀","external_customer_id":"kündin","code":"größe"}',
  withProperty('{"usage":{"output_tokens":1,"input_tokens":20},"b":[1,"a",null,true,false,{"z":1,"y":{}}],"a":[]}'),
  withProperty('"line\\nbreak \\"quoted\\" c:\\\\x \\/v1\\/chat ünd 😀"'),
  ...['0', '-1', '12.5', '-0.000001', '123456789012345', '0.1234567890123', '99999999999.999'].map(withProperty),
])('%s is read as it stands', (text) => {
  expect(readText(text)?.record.toString('hex')).toBe(parsedRecord(text)?.toString('hex'))
  expect(readText(text)?.transactionId).toBe(JSON.parse(text).transaction_id)
})

test.each([
  ...['1e3', '1.0', '-0', '0.00000015', '1234567890123456', '01', '1.', '.5', '+1', 'NaN', '-', '1 2'].map(
    withProperty,
  ),
  ...['"\\u0041"', '"\\x"', '"a\u0001b"', '"open', 'tru', 'nullx', '[1,]', '[,]', '{"a":1,}', '{"a" 1}', '{1:2}'].map(
    withProperty,
  ),
  ...['{"a":1,"a":2}', '{"b":1,"a":1,"b":2}', '{"1":1}', '{"__proto__":1}', '{"ü":1}', '{"":1}', '{"\\u0061":1}'].map(
    withProperty,
  ),
  withProperty(`${'['.repeat(40)}${']'.repeat(40)}`),
  withProperty(`"${'x'.repeat(20_000)}"`),
  withProperty(`{${Array.from({ length: 600 }, (_, index) => `"k${index}":1`).join()}}`),
  withField('"timestamp":"2026-02-29T12:00:00Z"'),
  withField('"timestamp":"2026-03-01T24:00:00Z"'),
  withField('"timestamp":"0099-12-31T23:59:59-23:59"'),
  withField('"timestamp":"2026-03-01T12:00:00"'),
  withField('"timestamp":"2026-03-01T12:00:00.Z"'),
  withField('"timestamp":"2026-03-01T12:00:00.1234567Z"'),
  withField('"timestamp":"2026-03-01T12:00:00+24:00"'),
  withField('"timestamp":"1999-12-31T23:59:59Z"'),
  withField('"timestamp":1772366400.5'),
  withField('"timestamp":0946684800'),
  withField('"timestamp":99999999999'),
  withField('"timestamp":""'),
  withField('"source":null'),
  withField('"source":"ü"'),
  withField('"code":"y"'),
  withField('"colour":"red"'),
  withField('"producer_id":"p"'),
  withField('"producer_sequence":1'),
  withField('"producer_id":"p","producer_sequence":0'),
  withField('"producer_id":"p","producer_sequence":9007199254740993'),
  withField('"precise_total_amount_cents":"12.5"'),
  withField('"properties":[]'),
  withField('"external_subscription_id":""'),
  `{"transaction_id":"${'t'.repeat(256)}","external_customer_id":"c","code":"x"}`,
  '{"transaction_id":"","external_customer_id":"c","code":"x"}',
  '{"transaction_id":"t","code":"x"}',
  '{"transaction_id":"t","external_customer_id":"c","code":"x"',
  '{"transaction_id":"t","external_customer_id":"c","code":"x",}',
  '{"transaction_id":"t","external_customer_id":"c","code":"x"} x',
  '{}',
  '[]',
  'null',
  '',
])('%s is left to the parser', (text) => {
  expect(readText(text)).toBeUndefined()
})

// Of a field that stands twice the last one counts, as the parser has it.
test.each([
  [withField('"code":"y"'), '{"transaction_id":"t","external_customer_id":"c","code":"y"}'],
  ['{"transaction_id":"s","transaction_id":"t","external_customer_id":"c","code":"x"}', withField('"source":""')],
  [withField('"properties":{"v":1},"properties":{"v":2}'), withProperty('2')],
  [withField('"properties":{"v":1,"v":2}'), withProperty('2')],
  [withField('"properties":{"v":1.50,"w":1,"v":2}'), withField('"properties":{"v":2,"w":1}')],
  [withField('"properties":{"v":2,"w":1,"v":1.50}'), withField('"properties":{"v":1.50,"w":1}')],
  [withProperty('[{"a":1,"a":2}]'), withProperty('[{"a":2}]')],
])('%s is the event %s', (text, event) => {
  expect(readText(text)).toBeUndefined()
  expect(
    readPlainBatch(Buffer.from(`{"events":[${text}]}`), { most: 1, receivedAtMicros: RECEIVED_AT }),
  ).toBeUndefined()
  expect(parsedRecord(text)?.toString('hex')).toBe(parsedRecord(event)?.toString('hex'))
  expect(parsedRecord(text)).toBeDefined()
})

const fieldsInOrder = (count: number) => Array.from({ length: count }, (_, index) => `"k${1000 + index}":1`)

test('many fields are read as they stand when they are in order, and left to the parser when they are not', () => {
  const text = withProperty(`{${fieldsInOrder(300).join()}}`)
  expect(readText(text)?.record.toString('latin1')).toBe(parsedRecord(text)?.toString('latin1'))
  expect(readText(withProperty(`{${fieldsInOrder(300).reverse().join()}}`))).toBeUndefined()
  expect(readText(withProperty(`{${fieldsInOrder(20).reverse().join()}}`))).toBeDefined()
})

test('where the room for properties ends, they are read whole or left to the parser', () => {
  const outcomes = new Set<boolean>()
  for (let bytes = 16_300; bytes <= 16_400; bytes += 1) {
    const fill = 'x'.repeat(bytes)
    for (const value of [
      `{"a":"${fill}","content_length":5}`,
      `{"z":"${fill}","a":[1]}`,
      `{"${fill}":1}`,
      `["${fill}",1]`,
    ]) {
      const text = withProperty(value)
      const read = readText(text)
      outcomes.add(read !== undefined)
      if (read !== undefined) expect(read.record.toString('latin1')).toBe(parsedRecord(text)?.toString('latin1'))
    }
  }
  expect(outcomes).toEqual(new Set([true, false]))
})

test('bytes that are no UTF-8 are left to the parser', () => {
  const text = Buffer.from('{"transaction_id":"t?","external_customer_id":"c","code":"x"}')
  text[text.indexOf('?')] = 0xff
  expect(readPlainEvent(text, RECEIVED_AT)).toBeUndefined()
})

// Mostly as programs write them, so that many of the texts are plain as a whole.
const often = <Drawn>(usual: fc.Arbitrary<Drawn>, others: fc.Arbitrary<Drawn>) =>
  fc.oneof({ weight: 15, arbitrary: usual }, { weight: 1, arbitrary: others })

const oddNumber = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.stringMatching(/^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?$/),
)
const number = often(fc.stringMatching(/^(0|-?[1-9][0-9]{0,9}(\.[0-9]?[1-9])?)$/), oddNumber)
const oddString = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.string({ maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.stringMatching(/^"([a-z]|\\[bfnrt"\\/]|\\u00[0-9a-f]{2}|é|😀){0,9}"$/),
)
const string = often(fc.stringMatching(/^"([a-z]|\\[nt"\\/]|é|😀){1,9}"$/), oddString)
const name = often(fc.stringMatching(/^"[a-zé]{1,9}"$/), oddString)
const key = often(fc.stringMatching(/^"[a-e][a-e_0-9.-]{0,3}"$/), oddString)
const space = fc.constantFrom('', '', '', ' ', '\n\t ')

const { value, object } = fc.letrec<{ value: string; object: string; list: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    number,
    string,
    fc.constantFrom('true', 'false', 'null'),
    tie('object'),
    tie('list'),
  ),
  object: fc
    .array(fc.tuple(space, key, space, space, tie('value'), space), { maxLength: 5 })
    .map((fields) => `{${fields.map(([a, name, b, c, v, d]) => `${a}${name}${b}:${c}${v}${d}`).join()}}`),
  list: fc
    .array(fc.tuple(space, tie('value'), space), { maxLength: 4 })
    .map((items) => `[${items.map((item) => item.join('')).join()}]`),
}))

const date = (from: string, to: string) =>
  fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true }).map((at) => `"${at.toISOString()}"`)
const oddTimestamp = fc.oneof(
  date('1990-01-01', '2110-01-01'),
  fc.stringMatching(
    /^"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,7})?(Z|[+-][0-2][0-9]:[0-6][0-9])"$/,
  ),
  fc.integer({ min: 0, max: 10_000_000_000 }).map(String),
)
const timestamp = fc.oneof({ weight: 3, arbitrary: date('2000-01-01', '2099-12-31') }, oddTimestamp)
const fields = fc.record(
  {
    transaction_id: name,
    external_customer_id: name,
    code: often(name, value),
    timestamp: often(timestamp, value),
    properties: often(object, value),
    source: often(fc.stringMatching(/^"[a-z]{0,9}"$/), name),
    external_subscription_id: often(name, fc.constant('null')),
    precise_total_amount_cents: often(fc.constant('null'), number),
  },
  { requiredKeys: ['transaction_id', 'external_customer_id', 'code'] },
)
const sequence = often(fc.nat().map(String), value)
const producer = fc.oneof(
  fc.constant({}),
  fc.record({ producer_id: name, producer_sequence: sequence }),
  fc.record({ producer_id: name, producer_sequence: sequence }, { requiredKeys: [] }),
)
const eventText = fc.tuple(fields, producer, space, fc.infiniteStream(fc.nat())).map(([drawn, from, blank, order]) => {
  const entries = Object.entries({ ...drawn, ...from }).map(([field, text]) => ({
    text: `"${field}"${blank}:${blank}${text}`,
    at: order.next().value ?? 0,
  }))
  const sorted = entries.sort((one, other) => one.at - other.at).map(({ text }) => text)
  return `{${sorted.join(`${blank},`)}}`
})

test('whatever is read as it stands is what the parser reads', () => {
  let plain = 0
  fc.assert(
    fc.property(eventText, (text) => {
      const read = readText(text)
      if (read === undefined) return
      plain += 1
      expect(read.record.toString('latin1')).toBe(parsedRecord(text)?.toString('latin1'))
    }),
    { numRuns: 5_000 },
  )
  expect(plain).toBeGreaterThan(500)
})

const EVENT = '{"transaction_id":"tränsaktion","external_customer_id":"c","code":"x"}'
const batch = (text: string, most = 3) => readPlainBatch(Buffer.from(text), { most, receivedAtMicros: RECEIVED_AT })

test.each([`{"events":[${EVENT}]}`, ` { "events" : [ ${EVENT} , ${EVENT},\n${EVENT} ] } `])(
  'the batch %s is answered as it stands',
  (text) => {
    const { events } = JSON.parse(text)
    const results = events.map(({ transaction_id }: { transaction_id: string }) => ({
      transaction_id,
      status: 'accepted',
    }))
    const read = batch(text)
    expect(read?.answer.toString()).toBe(JSON.stringify({ accepted: events.length, rejected: 0, results }))
    expect(read?.count).toBe(events.length)
    expect(read?.records.toString('hex')).toBe(Buffer.concat(events.map(() => parsedRecord(EVENT))).toString('hex'))
  },
)

test.each([
  '{"events":[]}',
  `{"events":[${EVENT},${EVENT},${EVENT},${EVENT}]}`,
  `{"events":[${EVENT},]}`,
  `{"events":[${EVENT}],"more":1}`,
  `{"more":1,"events":[${EVENT}]}`,
  `{"events":[${EVENT}]`,
  `{"events":[${EVENT}]}x`,
  `{"events":${EVENT}}`,
  `{"events":[${EVENT},{"transaction_id":"t"}]}`,
  '',
])('the batch %s is left to the parser', (text) => {
  expect(batch(text)).toBeUndefined()
})

test('a batch of more items than a body may have is left to the parser, which refuses it', () => {
  const event = withProperty(`[${Array.from({ length: 8_000 }, () => 1).join()}]`)
  const batchOf = (count: number) => `{"events":[${Array.from({ length: count }, () => event).join()}]}`
  expect(batch(batchOf(49), 100)?.count).toBe(49)
  expect(batch(batchOf(51), 100)).toBeUndefined()
})
