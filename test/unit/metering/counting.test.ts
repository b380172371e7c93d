import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contentHash } from '../../../db/usage/event-records.ts'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { amendEvent } from '../../../shared/metering/amend-event.ts'
import { cutIntoBuckets } from '../../../shared/metering/buckets.ts'
import { type CountedMetric, countEvent, dimensionsOf, dimensionsText } from '../../../shared/metering/count-event.ts'
import { eventKey } from '../../../shared/metering/event-identity.ts'
import { isFieldName, propertyAt } from '../../../shared/metering/property.ts'
import { RollupDeltas } from '../../../shared/metering/rollup.ts'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { Exact, ZERO } from '../../../shared/money/decimal.ts'
import { usageEvent } from '../../support/usage-event.ts'

const sumOf = (fieldName: string): CountedMetric => ({
  id: fieldName,
  eventCode: 'k',
  aggregation: 'sum',
  fieldName,
  expression: null,
  generation: 1,
  dimensionKeys: [],
})

describe('a sum reads', () => {
  test.each([
    ['12', '12'],
    ['-3', '-3'],
    ['"12.50"', '12.5'],
    ['1e3', '1000'],
    ['0.1', '0.1'],
    ['9007199254740993', '9007199254740993'],
    ['"+.5"', '0.5'],
  ])('%s as %s', (json, value) => {
    const event = usageEvent({ properties: parseExactJson(`{"v":${json}}`) as Record<string, unknown> })
    expect(countEvent(event, [sumOf('v')])).toMatchObject({
      contributions: [{ metric: { id: 'v' }, value }],
      unusable: [],
    })
  })

  test.each([
    ['"ten"', 'value_not_a_number'],
    ['"1,000"', 'value_not_a_number'],
    ['"NaN"', 'value_not_a_number'],
    ['"Infinity"', 'value_not_a_number'],
    ['true', 'value_not_a_number'],
    ['{"a":1}', 'value_not_a_number'],
    ['""', 'value_not_a_number'],
    ['1e200', 'value_not_a_number'],
    ['null', 'value_missing'],
  ])('nothing from %s, and says %s', (json, reason) => {
    const event = usageEvent({ properties: parseExactJson(`{"v":${json}}`) as Record<string, unknown> })
    expect(countEvent(event, [sumOf('v')])).toMatchObject({ contributions: [], unusable: [{ metricId: 'v', reason }] })
  })
})

test('one event counts for one metric and is unusable for another', () => {
  const event = usageEvent({ properties: { input: 3, output: 'x' } })
  expect(countEvent(event, [sumOf('input'), sumOf('output'), sumOf('cached')])).toMatchObject({
    contributions: [{ metric: { id: 'input' }, value: '3' }],
    unusable: [
      { metricId: 'output', reason: 'value_not_a_number' },
      { metricId: 'cached', reason: 'value_missing' },
    ],
  })
})

test('a field may be nested, with or without $., and a key that holds the points itself wins', () => {
  const properties = { usage: { tokens: 1 }, 'a.b': 2, a: { b: 3 } }
  expect(
    ['usage.tokens', '$.usage.tokens', 'a.b', 'usage.none', 'a.b.c'].map((path) => propertyAt(properties, path)),
  ).toEqual([1, 1, 2, undefined, undefined])
  expect(propertyAt({}, 'constructor')).toBeUndefined()
  expect(propertyAt({ a: {} }, 'a.toString')).toBeUndefined()
  expect(['tokens', 'a.b', '$.a.b'].every(isFieldName)).toBe(true)
  expect(['', '.', 'a.', '.a', '$', '$.', 'a b'].some(isFieldName)).toBe(false)
})

test('the identity of an event keeps source and transaction id apart', () => {
  expect(eventKey({ source: 'a', transactionId: 'bc' })).not.toBe(eventKey({ source: 'ab', transactionId: 'c' }))
  expect(eventKey({ source: '', transactionId: 't' })).toMatch(/^[0-9a-f]{32}$/)
})

test('the content hash follows what an event says, not the order of its keys', () => {
  const event = usageEvent({ transactionId: 't', properties: { a: 1, b: { c: 2, d: [1, 2] } } })
  const hash = contentHash(event)
  expect(contentHash({ ...event, properties: { b: { d: [1, 2], c: 2 }, a: 1 } })).toBe(hash)
  for (const changed of [
    { ...event, code: 'other' },
    { ...event, externalSubscriptionId: 's' },
    { ...event, timestampMicros: event.timestampMicros + 1 },
    { ...event, properties: { a: 1, b: { c: 2, d: [2, 1] } } },
    { ...event, properties: { a: '1', b: { c: 2, d: [1, 2] } } },
  ]) {
    expect(contentHash(changed)).not.toBe(hash)
  }
})

test.each([
  ['1e3', '1000'],
  ['-0', '0'],
  ['0.00000015, "c": 1.50', '0.00000015, "c": 1.50'],
  ['1.5e-7', '0.00000015'],
  ['1e+21', '1000000000000000000000'],
])('the content hash of %s is that of %s, which is how it is stored', (sent, stored) => {
  const properties = (text: string) => parseExactJson(`{"a": ${text}}`) as UsageEvent['properties']
  const event = usageEvent({ properties: properties(sent) })
  expect(contentHash(event)).toBe(contentHash({ ...event, properties: properties(stored) }))
  expect(amendEvent(event, { properties: event.properties }).properties).toEqual(properties(stored))
})

const micros = fc.integer({ min: Date.UTC(2026, 0) * 1000, max: Date.UTC(2026, 2) * 1000 })

test('whole days, whole quarter hours and raw edges tile a period exactly', () => {
  fc.assert(
    fc.property(micros, micros, (one, other) => {
      const [start, end] = one <= other ? [one, other] : [other, one]
      const { days, quarterHours, raw } = cutIntoBuckets(start, end)
      const pieces = [
        ...[days].filter(({ from, to }) => from < to).map(({ from, to }) => [from * 86_400e6, to * 86_400e6] as const),
        ...quarterHours.map(({ from, to }) => [from * 900e6, to * 900e6] as const),
        ...raw.map(({ startMicros, endMicros }) => [startMicros, endMicros] as const),
      ].sort(([left], [right]) => left - right)
      let reached = start
      for (const [from, to] of pieces) {
        expect(from).toBe(reached)
        expect(to).toBeGreaterThan(from)
        reached = to
      }
      expect(reached).toBe(end)
      // No raw edge is longer than a bucket unless the period itself is shorter than two.
      for (const { startMicros, endMicros } of raw) expect(endMicros - startMicros).toBeLessThan(1800e6)
    }),
    { numRuns: 500 },
  )
})

test('what a batch adds to its buckets is the exact sum of its values, in either level', () => {
  const value = fc.oneof(
    fc.integer().map(String),
    fc.constantFrom('0.1', '-0.25', '9007199254740991', '123456789012345678.9'),
  )
  fc.assert(
    fc.property(fc.array(fc.record({ timestampMicros: micros, value }), { minLength: 1 }), (contributions) => {
      const deltas = new RollupDeltas()
      const series = { customerId: 1 }
      for (const contribution of contributions) deltas.add(series, { arrival: 1n, stores: [], ...contribution })
      const expected = contributions.reduce((sum, contribution) => sum.plus(contribution.value), ZERO)
      for (const level of [0, 1]) {
        const ofLevel = [...deltas.sorted(() => '7')].filter((delta) => delta.level === level)
        const sum = ofLevel.reduce((total, delta) => total.plus(new Exact(delta.valueSum)), ZERO)
        expect(sum.toFixed()).toBe(expected.toFixed())
        expect(ofLevel.reduce((total, delta) => total + delta.eventsCount, 0)).toBe(contributions.length)
      }
    }),
  )
})

test('the text of dimensions differs exactly where their values differ', () => {
  const keys = { dimensionKeys: ['a', 'b'] }
  const value = fc.oneof(fc.constantFrom(undefined, null, '', '-', '1:x', 'x', 0, true), fc.string({ maxLength: 3 }))
  const properties = fc.record({ a: value, b: value })
  fc.assert(
    fc.property(properties, properties, (one, other) => {
      const isSame = (read: (properties: Record<string, unknown>) => unknown) =>
        JSON.stringify(read(one)) === JSON.stringify(read(other))
      expect(isSame((event) => dimensionsText({ properties: event }, keys))).toBe(
        isSame((event) => dimensionsOf({ properties: event }, keys)),
      )
    }),
    {
      examples: [
        [
          { a: 'a', b: 'bc' },
          { a: 'ab', b: 'c' },
        ],
      ],
      numRuns: 1000,
    },
  )
})
