import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UsageEvent } from '../../../shared/metering/usage-event.ts'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'
import { expectVerified } from '../../support/tabkeeper.ts'
import { usageEvent } from '../../support/usage-event.ts'

const RANGES = [
  { from_value: 0, to_value: 500, per_unit_amount: '0.013', flat_amount: '2' },
  { from_value: 501, to_value: 5000, per_unit_amount: '0.0075', flat_amount: '1.5' },
  { from_value: 5001, to_value: null, per_unit_amount: '0.001', flat_amount: '0' },
]

let fixture: BillingFixture

beforeAll(async () => {
  fixture = await createBillingFixture('2026-01-05T07:03:00Z')
  await fixture.plan({ code: 'every-model', amountMinor: 1999n }, [
    { chargeModel: 'standard', properties: { amount: '0.00071' } },
    { chargeModel: 'graduated', properties: { graduated_ranges: RANGES } },
    { chargeModel: 'volume', properties: { volume_ranges: RANGES } },
    { chargeModel: 'package', properties: { amount: '3', package_size: 250, free_units: 100 } },
  ])
})
afterAll(() => fixture.close())

interface DrawnEvent {
  readonly minute: number
  readonly tokens: number | string
}

const drawnEvent = fc.record({
  minute: fc.integer({ min: 0, max: 26 * 1440 }),
  tokens: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom('0.5', '33.25')),
})

async function send(
  externalCustomerId: string,
  events: readonly DrawnEvent[],
  order: readonly number[],
  batchSize: number,
) {
  const built = events.map(({ minute, tokens }, index) =>
    usageEvent({
      externalCustomerId,
      transactionId: `${index}`,
      timestampMicros: (Date.UTC(2026, 0, 5, 7, 3) + minute * 60_000) * 1000,
      properties: { tokens },
    }),
  )
  const sent = order.map((index) => built[index % built.length] as UsageEvent)
  for (let from = 0; from < sent.length; from += batchSize) {
    const batch = sent.slice(from, from + batchSize).map((event) => ({ event, receivedAt: '2026-02-01T00:00:00Z' }))
    await aggregateEvents(fixture.pool, fixture.organizationId, batch)
  }
}

test('reordering, duplicating and re-batching events never changes an invoice', async () => {
  let run = 0
  const pairs: [string, string][] = []
  await fc.assert(
    fc.asyncProperty(
      fc.array(drawnEvent, { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer(),
      async (events, resends, batchSize, seed) => {
        run += 1
        const pair: [string, string] = [`${run}-plain`, `${run}-shuffled`]
        for (const externalCustomerId of pair) {
          await fixture.customer(externalCustomerId)
          await fixture.subscribe({ externalCustomerId, planCode: 'every-model' })
        }
        const inOrder = events.map((_, index) => index)
        const shuffled = [...inOrder, ...resends].sort(
          (left, right) => ((left ^ seed) % 7) - ((right ^ seed) % 7) || right - left,
        )
        await send(pair[0], events, inOrder, 1000)
        await send(pair[1], events, shuffled, batchSize)
        pairs.push(pair)
      },
    ),
    { numRuns: 12 },
  )
  await expectVerified(fixture.url)
  await fixture.advanceTo('2026-02-01T03:00:00Z')
  await expectVerified(fixture.url)
  for (const [plain, shuffled] of pairs) {
    const bills = await Promise.all([plain, shuffled].map((customer) => fixture.invoices(customer)))
    const [expected, actual] = bills.map((invoices) =>
      invoices.map(({ totalMinor, lines }) => ({
        totalMinor,
        lines: lines.map(({ description, units, eventsCount, amount, amountMinor, steps }) => ({
          description,
          units: Number(units),
          eventsCount,
          amount,
          amountMinor,
          steps,
        })),
      })),
    )
    expect(expected).toHaveLength(1)
    expect(actual).toEqual(expected)
  }
})
