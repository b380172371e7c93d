import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineSplitter } from '../../../api/events/line-splitter.ts'

function split(pieces: readonly string[], maxBytes = 10): string[] {
  const splitter = new LineSplitter(maxBytes)
  const lines = [...pieces.flatMap((piece) => splitter.push(Buffer.from(piece))), ...splitter.end()]
  return lines.map(String)
}

test.each([
  [[], []],
  [['a\nb\n'], ['a', 'b']],
  [['a\nb'], ['a', 'b']],
  [
    ['a', 'b', '\n', 'c'],
    ['ab', 'c'],
  ],
  [['\n\n'], ['', '']],
  [['a\n\nb'], ['a', '', 'b']],
  [['\ufeffa\n\ufeffb'], ['a', '\ufeffb']],
  [['\ufeff'], ['']],
  [['\ufeff\na'], ['', 'a']],
])('%j has the lines %j', (pieces, lines) => {
  expect(split(pieces)).toEqual(lines)
})

describe('a line that is longer than the bound', () => {
  test.each([
    [['12345678901\nb'], ['too_long', 'b']],
    [
      ['12345', '678901', '2345\nb'],
      ['too_long', 'b'],
    ],
    [['a\n12345678901'], ['a', 'too_long']],
    [['1234567890\nb'], ['1234567890', 'b']],
  ])('%j is one line, and the next is read', (pieces, lines) => {
    expect(split(pieces)).toEqual(lines)
  })
})

test('a byte order mark is none of the first line, wherever it is cut', () => {
  const bytes = Buffer.from('\ufeffa\nb')
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const splitter = new LineSplitter(10)
    const lines = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut)), ...splitter.end()]
    expect(lines.map(String)).toEqual(['a', 'b'])
  }
})

test('where a stream is cut into pieces makes no difference', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '\n'), maxLength: 60 })
  fc.assert(
    fc.property(text, fc.array(fc.nat(80), { maxLength: 8 }), (whole, cuts) => {
      const bytes = Buffer.from(whole)
      const edges = [
        0,
        ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((one, other) => one - other),
        bytes.length,
      ]
      const splitter = new LineSplitter(10)
      const lines = edges.slice(1).flatMap((end, index) => splitter.push(bytes.subarray(edges[index], end)))
      const expected = new LineSplitter(10)
      expect([...lines, ...splitter.end()].map(String)).toEqual(
        [...expected.push(bytes), ...expected.end()].map(String),
      )
    }),
  )
})
