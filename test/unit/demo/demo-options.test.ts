import { expect, test } from 'vitest'
import { parseDemoOptions } from '../../../cli/demo/demo-options.ts'

test('a plain run is a large one that stays up, a run once a small one', () => {
  const common = { file: undefined, seed: 1, json: false }
  expect(parseDemoOptions([])).toEqual({ ...common, once: false, requests: 50_000, customers: 200 })
  expect(parseDemoOptions(['--once'])).toEqual({ ...common, once: true, requests: 5000, customers: 50 })
})

test('every option can be set', () => {
  const words = ['--once', '--json', '--file', 'trace.csv', '--customers=3', '--seed', '9']
  expect(parseDemoOptions(words)).toMatchObject({ json: true, file: 'trace.csv', customers: 3, seed: 9 })
})

test.each([
  [['--customers', 'many'], '--customers is "many"'],
  [['--customers', '0'], 'from 1 to'],
  [['--requests', '1e3'], '--requests is "1e3"'],
  [['--speed', '3'], 'npm run demo --'],
  [['trace.csv'], 'npm run demo --'],
  [['--file', 'a.csv', '--requests', '3'], 'exclude each other'],
])('%s is refused with the fix', (words, message) => {
  expect(() => parseDemoOptions(words)).toThrow(message)
})
