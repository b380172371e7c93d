import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KnownTexts } from '../../shared/known-texts.ts'

test('a text is what its bytes say, whatever was asked for before', () => {
  const texts = new KnownTexts()
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 70 }), { maxLength: 40 }), (asked) => {
      for (const text of [...asked, ...asked]) {
        const bytes = Buffer.from(`<${text}>`)
        expect(texts.of(bytes, 1, bytes.length - 1)).toBe(text)
      }
    }),
  )
})

test('more texts than are remembered are read as well', () => {
  const texts = new KnownTexts()
  const all = Array.from({ length: 50_000 }, (_, index) => `customer-${index}`)
  const read = [...all, ...all].map((text) => texts.of(Buffer.from(text), 0, text.length))
  expect(read).toEqual([...all, ...all])
})
