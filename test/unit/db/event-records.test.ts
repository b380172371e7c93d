import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentHash, EventRecords } from '../../../db/usage/event-records.ts'
import { eventRecords } from '../../../db/usage/record-writer.ts'
import { eventKey } from '../../../shared/metering/event-identity.ts'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { usageEvent } from '../../support/usage-event.ts'

const anyName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
const anyDigits = fc.tuple(fc.boolean(), fc.stringMatching(/^(0|[1-9]\d{0,29})(\.\d{0,29}[1-9])?$/))
const anyEvent: fc.Arbitrary<UsageEvent> = fc
  .record({
    externalCustomerId: anyName,
    source: fc.oneof(fc.constant(''), anyName),
    transactionId: anyName,
    code: anyName,
    externalSubscriptionId: fc.option(anyName),
    timestampMicros: fc.integer({ min: Date.UTC(2000, 0) * 1000, max: Date.UTC(2100, 0) * 1000 }),
    timedByServer: fc.boolean(),
    properties: fc.dictionary(anyName, fc.oneof(anyName, fc.integer(), fc.constant(null), fc.array(fc.boolean()))),
    amount: fc.option(anyDigits.map(([isNegative, text]) => (isNegative && text !== '0' ? `-${text}` : text))),
    producer: fc.option(fc.record({ id: anyName, sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }) })),
  })
  .map(({ amount, producer, ...event }) => ({
    ...event,
    ...(amount === null ? {} : { preciseTotalAmountCents: amount }),
    ...(producer === null ? {} : { producer }),
  }))

test('what is written is read, in whole and in part, from one list and from several', () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyEvent, { maxLength: 4 }), { minLength: 1, maxLength: 4 }), (lists) => {
      const events = lists.flat()
      const records = EventRecords.join(lists.map((list) => EventRecords.read(eventRecords(list), list.length)))
      const places = events.map((_, place) => place)
      expect(places.map((place) => records.event(place))).toEqual(events)
      expect(places.map((place) => records.eventKey(place))).toEqual(events.map(eventKey))
      expect(places.map((place) => records.contentHash(place))).toEqual(events.map(contentHash))
      const half = records.slice(1, records.count)
      expect(Array.from({ length: half.count }, (_, place) => half.event(place))).toEqual(events.slice(1))
    }),
  )
})

test('keys compare as their digits do', () => {
  const events = Array.from({ length: 50 }, () => usageEvent())
  const records = EventRecords.read(eventRecords(events), events.length)
  const sorted = events.map((_, place) => place).sort((one, other) => records.compareKeys(one, other))
  const keys = sorted.map((place) => records.eventKey(place))
  expect(keys).toEqual(keys.toSorted())
  expect(sorted.map((place) => records.keyPrefix(place))).toEqual(
    keys.map((key) => Number.parseInt(key.slice(0, 8), 16)),
  )
})

test.each([
  ['fewer events than said', 2, 0, 0],
  ['more events than said', 0, 0, 0],
  ['a record that is cut off', 1, 0, -1],
  ['bytes before the first', 1, 3, 0],
])('%s are refused', (_, count, from, to) => {
  const bytes = Buffer.concat([Buffer.alloc(3), eventRecords([usageEvent()])]).subarray(from === 3 ? 0 : 3)
  expect(() => EventRecords.read(bytes.subarray(0, bytes.length + to), count)).toThrow('not those of')
})
