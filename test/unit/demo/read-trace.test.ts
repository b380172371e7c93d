import { expect, test } from 'vitest'
import { parseTrace } from '../../../cli/demo/read-trace.ts'

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens'

test('times are UTC and keep their digits; line ends of Windows and a missing last one are fine', () => {
  expect(parseTrace(`${HEADER}\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50,396,0`)).toEqual([
    { timestamp: '2023-11-16T18:15:46.6805900Z', contextTokens: 374, generatedTokens: 44 },
    { timestamp: '2023-11-16T18:15:50Z', contextTokens: 396, generatedTokens: 0 },
  ])
})

test.each([
  ['1,2', 'Line 3'],
  ['2023-13-16 18:15:46,1,2', 'Line 3'],
  ['2023-11-16 18:15:46+01:00,1,2', 'Line 3'],
  ['2023-11-16 18:15:46,-1,2', 'Line 3'],
  ['2023-11-16 18:15:46,1.5,2', 'Line 3'],
])('the row %s is refused with its line', (row, message) => {
  expect(() => parseTrace(`${HEADER}\n2023-11-16 18:15:46,1,2\n${row}\n`)).toThrow(message)
})

test('a file of other columns and a file without requests are refused', () => {
  expect(() => parseTrace('a,b,c\n1,2,3')).toThrow(`must begin with the line ${HEADER}`)
  expect(() => parseTrace(`${HEADER}\n`)).toThrow('no requests')
})
