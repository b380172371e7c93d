import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { isoOfMicros, microsOfInstant, parseTimestampMicros } from '../../../shared/metering/timestamp.ts'

test.each([
  ['"2026-03-01T12:00:00Z"', '2026-03-01T12:00:00.000000Z'],
  ['"2026-03-01T12:00Z"', '2026-03-01T12:00:00.000000Z'],
  ['"2026-03-01 12:00:00.5+02:00"', '2026-03-01T10:00:00.500000Z'],
  ['"2026-03-01T12:00:00.1234569Z"', '2026-03-01T12:00:00.123456Z'],
  ['"2026-03-01T12:00:00-0530"', '2026-03-01T17:30:00.000000Z'],
  ['1772366400', '2026-03-01T12:00:00.000000Z'],
  ['1772366400.25', '2026-03-01T12:00:00.250000Z'],
  ['"1772366400.123456789"', '2026-03-01T12:00:00.123456Z'],
  ['1.7723664e9', '2026-03-01T12:00:00.000000Z'],
  ['"2016-12-31T23:59:60Z"', '2016-12-31T23:59:59.999999Z'],
  ['"2016-12-31T23:59:60.25Z"', '2016-12-31T23:59:59.999999Z'],
  ['"2017-01-01T05:29:60+05:30"', '2016-12-31T23:59:59.999999Z'],
])('%s is %s', (json, iso) => {
  const micros = parseTimestampMicros(parseExactJson(json))
  expect(micros === undefined ? undefined : isoOfMicros(micros)).toBe(iso)
})

test.each([
  '"2026-03-01T12:00:00"',
  '"2026-02-30T12:00:00Z"',
  '"2026-03-01T24:30:00Z"',
  '"2026-03-01"',
  '"2026-03-01T12:00:60Z"',
  '"2016-12-30T23:59:60Z"',
  '"2016-12-31T23:59:60+01:00"',
  '"2016-12-31T23:59:61Z"',
  '"2016-12-31T23:60Z"',
  '"1999-12-31T23:59:59Z"',
  '"2100-01-01T00:00:00Z"',
  '"2026-03-01T12:00:00+99:00"',
  '1772366400000',
  '""',
  'true',
  '{}',
  '-5',
])('%s is no time an event can have', (json) => {
  expect(parseTimestampMicros(parseExactJson(json))).toBeUndefined()
})

test('ISO text and microseconds go there and back, as Temporal does it', () => {
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(2000, 0) * 1000, max: Date.UTC(2099, 11) * 1000 }), (micros) => {
      const iso = isoOfMicros(micros)
      expect(parseTimestampMicros(iso)).toBe(micros)
      expect(microsOfInstant(Temporal.Instant.from(iso))).toBe(micros)
    }),
  )
})
