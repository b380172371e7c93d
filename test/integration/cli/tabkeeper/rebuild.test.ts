import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createConnection, withOrganization } from '../../../../db/connection.ts'
import { correctEvent } from '../../../../db/corrections/correct-event.ts'
import type { UsageEvent } from '../../../../shared/metering/usage-event.ts'
import { aggregateEvents } from '../../../../workers/aggregate-usage/aggregate-events.ts'
import { differingDistinctValues } from '../../../support/distinct-audit.ts'
import { createMeteringFixture, insertMetric, type MeteringFixture } from '../../../support/metering.ts'
import { findRollupFaults } from '../../../support/rollup-reference.ts'
import { expectVerified, runTabkeeper } from '../../../support/tabkeeper.ts'
import { usageEvent } from '../../../support/usage-event.ts'

const FIRST_MICROS = Date.parse('2026-03-01T00:00:00Z') * 1000
const DAYS = 4

let fixture: MeteringFixture

beforeAll(async () => {
  fixture = await createMeteringFixture()
  const metric = { eventCode: 'gauge', fieldName: 'v' }
  await insertMetric(fixture, { code: 'sum', aggregation: 'sum', dimensionKeys: ['g'], ...metric })
  await insertMetric(fixture, { code: 'max', aggregation: 'max', ...metric })
  await insertMetric(fixture, { code: 'min', aggregation: 'min', ...metric })
  await insertMetric(fixture, { code: 'level', aggregation: 'weighted_sum', ...metric })
  await insertMetric(fixture, { code: 'latest', aggregation: 'latest', ...metric })
  await insertMetric(fixture, { code: 'items', aggregation: 'unique_count', ...metric })
  await insertMetric(fixture, { code: 'grouped', aggregation: 'unique_count', dimensionKeys: ['g'], ...metric })
})
afterAll(() => fixture.close())

const drawnEvent = fc.record({
  customer: fc.constantFrom('acme', 'umbrella'),
  subscription: fc.constantFrom(null, null, 'pro'),
  minute: fc.nat({ max: DAYS * 24 * 60 - 1 }),
  v: fc.integer({ min: -50, max: 50 }),
  g: fc.constantFrom('a', 'b', undefined),
  operation: fc.constantFrom('add', 'remove', undefined),
})
type DrawnEvent = typeof drawnEvent extends fc.Arbitrary<infer Value> ? Value : never

const drawnDamage = fc.array(
  fc.record({
    what: fc.constantFrom(
      'update usage_rollups set value_sum = value_sum + 1, value_max = value_max + 1',
      'update usage_rollups set events_count = events_count + 1, latest_value = 7, value_time_sum = null',
      'update usage_rollups set bucket = bucket + 100000',
      'update usage_rollups set distinct_values = distinct_values + 1, distinct_present = null',
      'delete from usage_rollups',
      `update usage_distinct_values set last_at = last_at + interval '1 h'`,
      `update usage_distinct_values set last_at = last_at - interval '1 h'`,
      `update usage_distinct_values set last_at = last_at + interval '40 d'`,
      'update usage_distinct_values set is_present = not is_present',
      'update usage_distinct_values set value_hash = gen_random_uuid()',
      'delete from usage_distinct_values',
    ),
    oneIn: fc.integer({ min: 1, max: 6 }),
  }),
  { minLength: 1, maxLength: 5 },
)

/** Answers with the events, as a correction names them. */
async function send(events: readonly DrawnEvent[]): Promise<readonly UsageEvent[]> {
  const received = events.map(({ customer, subscription, minute, v, g, operation }) => ({
    receivedAt: '2026-03-05T00:00:00Z',
    event: usageEvent({
      externalCustomerId: customer,
      externalSubscriptionId: subscription,
      code: 'gauge',
      timestampMicros: FIRST_MICROS + minute * 60_000_000,
      properties: {
        v,
        ...(g === undefined ? {} : { g }),
        ...(operation === undefined ? {} : { operation_type: operation }),
      },
    }),
  }))
  await aggregateEvents(fixture.pool, fixture.organizationId, received)
  return received.map(({ event }) => event)
}

test('whatever is damaged, a rebuild while events come and are corrected leaves what they give, and verify and plain SQL say so', async () => {
  const run = fc.record({
    before: fc.array(drawnEvent, { minLength: 20, maxLength: 80 }),
    meanwhile: fc.array(fc.array(drawnEvent, { minLength: 1, maxLength: 10 }), { minLength: 10, maxLength: 30 }),
    damage: drawnDamage,
  })
  await fc.assert(
    fc.asyncProperty(run, async ({ before, meanwhile, damage }) => {
      const ids = await send(before)
      for (const { what, oneIn } of damage) {
        const drawn = what.includes('rollups')
          ? '(bucket * 31 + series_id + level) % $1 = 0 and bucket < 2200000'
          : 'abs(hashtext(value_hash::text)) % $1 = 0'
        await fixture.pool.query(`${what} where ${drawn}`, [oneIn])
      }
      const corrected = ids.filter((_, index) => index % 4 === 0)
      const sending = Promise.all([
        ...[0, 1].map((half) => sendAll(meanwhile.filter((_, index) => index % 2 === half))),
        correctAll(corrected),
      ])
      const rebuilt = await runTabkeeper(['rebuild', '--json'], { DATABASE_URL: fixture.url })
      await sending
      expect(rebuilt).toMatchObject({ exitCode: 0 })
      expect(await findRollupFaults(fixture.pool)).toEqual([])
      await expectVerified(fixture.url)
      // What was corrected while it was looked for is known once more when nobody corrects anything.
      await runTabkeeper(['rebuild'], { DATABASE_URL: fixture.url })
      expect(await differingDistinctValues(fixture.pool, fixture.organizationId)).toEqual([])
      const inexact = await fixture.pool.query('select from usage_series where not distinct_exact')
      expect(inexact.rowCount).toBe(0)
    }),
    { numRuns: 8 },
  )
})

// In turn, they are voided, get another value, or come at another time.
async function correctAll(events: readonly UsageEvent[]): Promise<void> {
  const about = { reason: 'a test', apiKeyId: randomUUID(), receivedAt: '2026-03-05T00:00:00Z' }
  for (const [index, event] of events.entries()) {
    const { timestampMicros, properties } = event
    const ways = [null, { properties: { ...properties, v: 77 } }, { timestampMicros: timestampMicros + 60_000_001 }]
    await withOrganization(createConnection(fixture.pool), fixture.organizationId, (transaction) =>
      correctEvent(transaction, fixture.organizationId, { event, changes: ways[index % 3] ?? null, ...about }),
    )
  }
}

async function sendAll(batches: readonly (readonly DrawnEvent[])[]): Promise<void> {
  for (const batch of batches) await send(batch)
}

test('a second rebuild writes nothing', async () => {
  await runTabkeeper(['rebuild'], { DATABASE_URL: fixture.url })
  const again = await runTabkeeper(['rebuild', '--json'], { DATABASE_URL: fixture.url })
  expect(again.json).toMatchObject({ command: 'rebuild', customers: 2, days: 0, rollups: 0 })
})

test('a rebuild has later usage billed anew from the first day it has changed', async () => {
  await fixture.pool.query('delete from touched_customers')
  await fixture.pool.query(
    `update usage_rollups set value_sum = value_sum + 1 where level = 1
       and bucket = (select min(bucket) from usage_rollups where level = 1)`,
  )
  await runTabkeeper(['rebuild', '--customer', 'acme'], { DATABASE_URL: fixture.url })
  const { rows } = await fixture.pool.query(
    `select external_id, earliest_at::date::text as since from touched_customers join customers using (customer_id)`,
  )
  expect(rows).toEqual([{ external_id: 'acme', since: '2026-03-01' }])
})

test('a metric whose events are being counted anew is left to that, and said to be', async () => {
  await fixture.pool.query(`update billable_metrics set rebuild_cursor = 0 where code = 'sum'`)
  await fixture.pool.query(
    `delete from usage_rollups where series_id in (
       select series_id from usage_series join billable_metrics metric on metric.id = billable_metric_id where code = 'sum')`,
  )
  expect(await runTabkeeper(['verify', '--json', '--customer', 'acme'], { DATABASE_URL: fixture.url })).toMatchObject({
    exitCode: 0,
    json: { rebuilding: ['sum'] },
  })
  const rebuilt = await runTabkeeper(['rebuild', '--json', '--customer', 'acme'], { DATABASE_URL: fixture.url })
  expect(rebuilt.json).toMatchObject({ days: 0, rebuilding: ['sum'] })
})
