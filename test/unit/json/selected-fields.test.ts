import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { SelectedFields } from '../../../shared/json/selected-fields.ts'
import { KnownTexts } from '../../../shared/known-texts.ts'

const texts = new KnownTexts()

function select(names: readonly string[], text: string, holdsRawNumbers = false): Record<string, unknown> {
  // Among other bytes, as in a record.
  const bytes = Buffer.from(`{"${text}"}`)
  return new SelectedFields(names, texts).read({ bytes, start: 2, end: bytes.length - 2, holdsRawNumbers })
}

const name = fc.oneof(fc.constantFrom('a', 'b', 'tokens', 'usage.input', 'say "a"', 'größe', '1', ''), fc.string())
const object = fc
  .dictionary(name, fc.jsonValue({ maxDepth: 3, noUnicodeString: false }), { maxKeys: 8 })
  .filter((value) => !Object.hasOwn(value, '__proto__'))

test('the fields that are asked for are those of the parsed object', () => {
  fc.assert(
    fc.property(object, fc.uniqueArray(name, { maxLength: 5 }), (value, names) => {
      const text = JSON.stringify(value)
      const parsed = JSON.parse(text) as Record<string, unknown>
      const wanted = Object.fromEntries(Object.entries(parsed).filter(([key]) => names.includes(key)))
      expect(select(names, text)).toEqual(wanted)
    }),
    { numRuns: 2_000 },
  )
})

test('a number that a double would alter keeps its text', () => {
  const text = '{"a":12345678901234567890,"b":{"c":1.10},"d":15}'
  expect(select(['a', 'b', 'd'], text, true)).toEqual(parseExactJson(text))
})

test.each(['{:1}', '{"a', '{"a":"b', '{"a":[1,{"b":2}', '{"a":1', '{"b":{"c":[', '{"b\\'])(
  '%s, which breaks off, is no endless search',
  (text) => {
    const bytes = Buffer.from(text)
    const read = () =>
      new SelectedFields(['a'], texts).read({ bytes, start: 0, end: bytes.length, holdsRawNumbers: false })
    expect(read).toThrow(RangeError)
  },
)
