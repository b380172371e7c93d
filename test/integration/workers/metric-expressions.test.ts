import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { createMeteringFixture, insertMetric, type MeteringFixture, rollupSums } from '../../support/metering.ts'
import { usageEvent } from '../../support/usage-event.ts'

let fixture: MeteringFixture

beforeAll(async () => {
  fixture = await createMeteringFixture()
})
afterAll(() => fixture.close())

async function aggregate(events: readonly UsageEvent[]): Promise<void> {
  const received = events.map((event) => ({ event, receivedAt: '2026-03-03T12:00:01Z' }))
  await aggregateEvents(fixture.pool, fixture.organizationId, received)
}

async function unusableByMetric(): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ line: string }>(
    `select transaction_id || ' ' || metric.code || ' ' || reason || ' ' || details as line
     from unprocessed_events join billable_metrics metric on metric.id = billable_metric_id order by 1`,
  )
  return rows.map(({ line }) => line)
}

test('what an expression cannot compute is kept aside for its metric only, and the batch goes on', async () => {
  const eventCode = 'compute'
  await insertMetric(fixture, { code: 'hours', aggregation: 'sum', fieldName: 'hours', eventCode })
  const product = 'round(properties.cores * properties.hours, 1)'
  await insertMetric(fixture, { code: 'core-hours', aggregation: 'sum', expression: product, eventCode })
  const quotient = 'properties.hours / properties.cores'
  await insertMetric(fixture, { code: 'per-core', aggregation: 'max', expression: quotient, eventCode })
  const custom = 'sum(properties.hours) / count(properties.cores > 1)'
  await insertMetric(fixture, { code: 'shape', aggregation: 'custom', expression: custom, eventCode })
  const about = { externalCustomerId: 'acme', code: 'compute' }
  await aggregate([
    usageEvent({ ...about, transactionId: 'e-1', properties: { cores: 4, hours: '1.33' } }),
    usageEvent({ ...about, transactionId: 'e-2', properties: { cores: 0, hours: 2 } }),
    usageEvent({ ...about, transactionId: 'e-3', properties: { hours: 3 } }),
    usageEvent({ ...about, transactionId: 'e-4', properties: { cores: 'many', hours: 4 } }),
    usageEvent({ ...about, transactionId: 'e-5', properties: { cores: 2 } }),
  ])
  expect(await rollupSums(fixture, 0)).toEqual({
    'hours/acme': '4×10.33',
    'core-hours/acme': '2×5.3',
    'per-core/acme': '1×0.3325',
    'shape/acme': '2×2',
  })
  expect(await unusableByMetric()).toEqual([
    'e-2 per-core expression_failed {"fault": "division_by_zero"}',
    'e-3 core-hours value_missing {"field": "properties.cores"}',
    'e-3 per-core value_missing {"field": "properties.cores"}',
    'e-3 shape value_missing {"field": "properties.cores"}',
    'e-4 core-hours value_not_a_number {"field": "properties.cores", "value": "\\"many\\""}',
    'e-4 per-core value_not_a_number {"field": "properties.cores", "value": "\\"many\\""}',
    'e-4 shape value_not_a_number {"field": "properties.cores", "value": "\\"many\\""}',
    'e-5 core-hours value_missing {"field": "properties.hours"}',
    'e-5 hours value_missing {"field": "hours"}',
    'e-5 per-core value_missing {"field": "properties.hours"}',
    'e-5 shape value_missing {"field": "properties.hours"}',
  ])
})
