import { expect, test } from 'vitest'
import { plainDigits } from '../../../shared/json/plain-digits.ts'

test.each([
  ['7', '7'],
  ['-1.50', '-1.50'],
  ['1e3', '1000'],
  ['1.50E+1', '15.0'],
  ['1.5e3', '1500'],
  ['-12.5e-3', '-0.0125'],
  ['0.05e1', '0.5'],
  ['100e-2', '1.00'],
  ['0e5', '0'],
  ['0e-5', '0.00000'],
  ['-0', '0'],
  ['-0.0', '0.0'],
])('%s is %s', (sent, plain) => {
  expect(plainDigits(sent)).toBe(plain)
})
