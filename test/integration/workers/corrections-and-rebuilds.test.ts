import { afterAll, beforeAll, expect, test } from 'vitest'
import { createConnection, withOrganization } from '../../../db/connection.ts'
import { correctEvent } from '../../../db/corrections/correct-event.ts'
import { requireDimensions } from '../../../db/usage/metric-dimensions.ts'
import type { EventChanges } from '../../../shared/metering/amend-event.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { rebuildPage } from '../../../workers/rebuild-usage/rebuild-page.ts'
import { createMeteringFixture, insertMetric, type MeteringFixture } from '../../support/metering.ts'
import { differingRollups } from '../../support/rollup-audit.ts'
import { usageEvent } from '../../support/usage-event.ts'

let fixture: MeteringFixture
beforeAll(async () => {
  fixture = await createMeteringFixture()
})
afterAll(() => fixture.close())

const CUSTOMERS = Array.from({ length: 8 }, (_, index) => `customer-${index}`)
const EVENTS = 12

async function correct(externalCustomerId: string, transactionId: string, changes: EventChanges | null): Promise<void> {
  await withOrganization(createConnection(fixture.pool), fixture.organizationId, (transaction) =>
    correctEvent(transaction, fixture.organizationId, {
      event: { externalCustomerId, source: '', transactionId },
      changes,
      reason: 'wrong',
      apiKeyId: '00000000-0000-0000-0000-000000000000',
      receivedAt: '2026-03-20T00:00:00Z',
    }),
  )
}

test('events are corrected while a rebuild passes them, whether it has reached them or not', async () => {
  const metrics = new Map<string, string>()
  for (const aggregation of ['count', 'sum', 'max', 'min', 'latest', 'weighted_sum'] as const) {
    const field = aggregation === 'count' ? {} : { fieldName: 'v' }
    metrics.set(
      aggregation,
      await insertMetric(fixture, { code: aggregation, aggregation, eventCode: 'gauge', ...field }),
    )
  }
  const start = Date.UTC(2026, 2, 3) * 1000
  const events = CUSTOMERS.flatMap((externalCustomerId) =>
    Array.from({ length: EVENTS }, (_, index) =>
      usageEvent({
        externalCustomerId,
        transactionId: `${index}`,
        code: 'gauge',
        timestampMicros: start + index * 200_000_000,
        properties: { v: (index * 37) % 11 },
      }),
    ),
  )
  const received = events.map((event) => ({ event, receivedAt: '2026-03-03T12:00:01Z' }))
  await aggregateEvents(fixture.pool, fixture.organizationId, received)
  const wanted = new Map([...metrics.values()].map((id) => [id, new Set(['region'])]))
  await withOrganization(createConnection(fixture.pool), fixture.organizationId, (transaction) =>
    requireDimensions(transaction, fixture.organizationId, wanted),
  )
  const page = (id: string) => rebuildPage(fixture.pool, fixture.organizationId, id)
  // Each metric has come to another customer.
  for (const [place, id] of [...metrics.values()].entries()) {
    for (let pages = 0; pages < place; pages += 1) await page(id)
  }
  const correctSome = async (transactionId: number) => {
    for (const [place, customer] of CUSTOMERS.entries()) {
      const amends = (place + transactionId) % 3 === 0
      const changes = {
        timestampMicros: start + ((transactionId * 7) % 40) * 100_000_000,
        properties: { v: place - 3.5 },
      }
      await correct(customer, `${transactionId}`, amends ? changes : null)
    }
  }
  await correctSome(3)
  const rebuild = async (id: string) => {
    while (await page(id));
  }
  await Promise.all([
    correctSome(0),
    correctSome(5),
    correctSome(10),
    ...[...metrics.values()].flatMap((id) => [rebuild(id), rebuild(id)]),
  ])
  for (const id of metrics.values()) await rebuild(id)
  await correctSome(7)
  expect(await differingRollups(fixture.pool, fixture.organizationId, CUSTOMERS)).toEqual([])
})

test('a metric that is defined after an event was voided does not count it', async () => {
  const externalCustomerId = 'early'
  const about = { externalCustomerId, code: 'later' }
  const received = [usageEvent({ ...about, transactionId: 'a' }), usageEvent({ ...about, transactionId: 'b' })]
  const events = received.map((event) => ({ event, receivedAt: '2026-03-03T12:00:01Z' }))
  await aggregateEvents(fixture.pool, fixture.organizationId, events)
  await correct(externalCustomerId, 'a', null)
  await correct(externalCustomerId, 'b', { properties: { tokens: 4 } })
  const id = await insertMetric(fixture, { code: 'later', aggregation: 'sum', fieldName: 'tokens' })
  await fixture.pool.query(
    `update billable_metrics set rebuild_cursor = 0, counted_from = (nextval('usage_arrivals') * 1048576) where id = $1`,
    [id],
  )
  while (await rebuildPage(fixture.pool, fixture.organizationId, id));
  const { rows } = await fixture.pool.query(
    `select events_count, trim_scale(value_sum)::text as sum from usage_rollups join usage_series series using (customer_id, series_id)
     where billable_metric_id = $1 and level = 1`,
    [id],
  )
  expect(rows).toEqual([{ events_count: '1', sum: '4' }])
})
