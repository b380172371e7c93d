import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CountedMetric, countEvent, dimensionsText } from '../../../shared/metering/count-event.ts'
import { propertiesRead } from '../../../shared/metering/properties-read.ts'
import { isRemoval } from '../../../shared/metering/unique-count.ts'

function metric(about: Partial<CountedMetric>): CountedMetric {
  const defaults = { id: 'm', eventCode: 'x', generation: 1, dimensionKeys: [], aggregation: 'sum' as const }
  return { ...defaults, fieldName: null, expression: null, ...about }
}

test.each([
  [[metric({ aggregation: 'count' })], []],
  [
    [metric({ fieldName: 'tokens' }), metric({ fieldName: 'seconds', dimensionKeys: ['model'] })],
    ['tokens', 'seconds', 'model'],
  ],
  [[metric({ fieldName: '$.usage.input.tokens' })], ['usage.input.tokens', 'usage']],
  [[metric({ aggregation: 'unique_count', fieldName: 'seat' })], ['seat', 'operation_type']],
  [[], []],
])('of %j are read %j', (metrics, names) => {
  expect([...(propertiesRead(metrics) ?? ['all'])]).toEqual(names)
})

test('what an expression reads is not known beforehand, nor what a name with a meaning of its own would do', () => {
  expect(propertiesRead([metric({ expression: 'event.properties.a * 2' })])).toBeUndefined()
  expect(propertiesRead([metric({ fieldName: '__proto__.x' })])).toBeUndefined()
})

const path = fc.constantFrom('a', 'b', 'a.b', '$.a.b', 'a.b.c', '$.b', 'operation_type')
const aggregation = fc.constantFrom('count', 'sum', 'max', 'latest', 'unique_count', 'percentile', 'weighted_sum')
const drawnMetric = fc.record({ aggregation, fieldName: path, dimensionKeys: fc.uniqueArray(path, { maxLength: 2 }) })
const scalar = fc.oneof(fc.integer(), fc.constantFrom('add', 'remove', '12', 'many', null, true))
const inner = fc.dictionary(fc.constantFrom('b', 'c', 'b.c'), fc.oneof(scalar, fc.dictionary(fc.constant('c'), scalar)))
const properties = fc.dictionary(
  fc.constantFrom('a', 'b', 'a.b', 'a.b.c', 'operation_type', 'other'),
  fc.oneof(scalar, inner),
)

test('without the other properties an event counts the same', () => {
  fc.assert(
    fc.property(fc.array(drawnMetric, { maxLength: 3 }), properties, (drawn, all) => {
      const metrics = drawn.map((about, index) => metric({ ...about, id: `m${index}` }))
      const names = propertiesRead(metrics)
      const read = Object.fromEntries(Object.entries(all).filter(([key]) => names?.has(key)))
      const counted = (seen: Record<string, unknown>) => {
        const event = { code: 'x', externalSubscriptionId: null, timestampMicros: 0, properties: seen }
        const removal = metrics.some((one) => one.aggregation === 'unique_count') && isRemoval({ properties: seen })
        return [countEvent(event, metrics), metrics.map((one) => dimensionsText(event, one)), removal]
      }
      expect(counted(read)).toEqual(counted(all))
    }),
    { numRuns: 1_000 },
  )
})
