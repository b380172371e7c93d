import type { FastifyRequest } from 'fastify'
import { expect, test } from 'vitest'
import { asksForCsv, csvText } from '../../../../api/usage/csv.ts'

function asks(accept: string | undefined, format?: string): boolean {
  return asksForCsv({ headers: { accept }, query: { format } } as unknown as FastifyRequest)
}

test.each([
  ['text/csv', true],
  ['TEXT/CSV; charset=utf-8', true],
  ['text/csv, */*;q=0.1', true],
  ['text/csv, application/json', true],
  ['application/json;q=0.5, text/csv;q=0.9', true],
  ['application/json, text/csv', false],
  ['application/json, text/csv;q=0.5', false],
  ['text/csv;q=0, application/json;q=0.1', false],
  ['text/csv;q=0', false],
  ['text/csvx', false],
  ['*/*', false],
  [undefined, false],
])('Accept: %s asks for CSV: %s', (accept, isCsv) => {
  expect(asks(accept)).toBe(isCsv)
})

test('the format of the query counts before what is accepted', () => {
  expect([asks('text/csv', 'json'), asks('application/json', 'csv')]).toEqual([false, true])
})

test.each([
  ['=1+1', "'=1+1"],
  ['  =1+1', "'  =1+1"],
  ['+A1', "'+A1"],
  ['-1+cmd', "'-1+cmd"],
  ['@sum', "'@sum"],
  ['|cmd', "'|cmd"],
  ['＝1+1', "'＝1+1"],
  ['＠sum', "'＠sum"],
  ['\t=1', "'\t=1"],
  ['\r\nx', '"\'\r\nx"'],
  ['=a"b', '"\'=a""b"'],
  ['-1.5', '-1.5'],
  ['a=1', 'a=1'],
  ['a,b', '"a,b"'],
  ['a"b', '"a""b"'],
  ['a\nb', '"a\nb"'],
  ['', ''],
])('the field %j is written as %j', (field, written) => {
  expect(csvText([[field, 'x']])).toBe(`${written},x\r\n`)
})
