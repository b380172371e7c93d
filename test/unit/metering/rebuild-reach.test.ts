import { expect, test } from 'vitest'
import { hasReached, type MetricProgress } from '../../../db/corrections/counted-metrics.ts'
import { usageEvent } from '../../support/usage-event.ts'

const AT = Temporal.Instant.from('2026-03-03T12:00:00Z')
const METRIC: MetricProgress = {
  id: 'm',
  eventCode: 'tokens',
  aggregation: 'sum',
  fieldName: 'tokens',
  expression: null,
  generation: 1,
  dimensionKeys: [],
  countedFrom: '1000',
  rebuildCursor: 5,
  rebuildAt: AT,
  rebuildArrival: '70',
}
const stored = (customerId: number, arrival: bigint, microseconds: number) => ({
  customerId,
  arrival,
  eventKey: '',
  receivedAt: '',
  event: usageEvent({ timestampMicros: Number(AT.epochNanoseconds / 1000n) + microseconds }),
})

test.each([
  ['what came after it was defined, of whomever', {}, stored(9, 1000n, 0), true],
  ['customers before the one it counts', {}, stored(4, 1n, 9), true],
  ['customers after that', {}, stored(6, 1n, -9), false],
  ['of that customer what is earlier', {}, stored(5, 999n, -1), true],
  ['of that customer what is later', {}, stored(5, 1n, 1), false],
  ['of one time what arrived first', {}, stored(5, 70n, 0), true],
  ['of one time not what arrived then', {}, stored(5, 71n, 0), false],
  ['all of the customer when none of it is left', { rebuildAt: null, rebuildArrival: null }, stored(5, 999n, 9), true],
  ['everything when it is done', { rebuildCursor: null, rebuildAt: null }, stored(9, 1n, 9), true],
])('a rebuild has reached %s: %o', (_, progress, event, reached) => {
  expect(hasReached({ ...METRIC, ...progress }, event)).toBe(reached)
})
