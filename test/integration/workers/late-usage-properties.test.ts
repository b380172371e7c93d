import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aggregateEvents } from '../../../workers/aggregate-usage/aggregate-events.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'
import { usageEvent } from '../../support/usage-event.ts'

const RANGES = [
  { from_value: 0, to_value: 500, per_unit_amount: '0.013', flat_amount: '2' },
  { from_value: 501, to_value: 2000, per_unit_amount: '0.0075', flat_amount: '1.5' },
  { from_value: 2001, to_value: null, per_unit_amount: '0.001', flat_amount: '0' },
]
const CHARGES = [
  { chargeModel: 'standard' as const, properties: { amount: '0.00071' }, modifiers: { min_amount_cents: 37 } },
  { chargeModel: 'graduated' as const, properties: { graduated_ranges: RANGES }, modifiers: { free_units: '120' } },
  { chargeModel: 'volume' as const, properties: { volume_ranges: RANGES } },
  { chargeModel: 'package' as const, properties: { amount: '3', package_size: 250, free_units: 100 } },
]
const MONTHS = 4

let fixture: BillingFixture

beforeAll(async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  // A fee that no credit uses up.
  const about = { amountMinor: 100_000n }
  await fixture.plan({ code: 'next_invoice', ...about }, CHARGES)
  await fixture.plan({ code: 'note', lateUsage: 'note', ...about }, CHARGES)
})
afterAll(() => fixture.close())

interface DrawnEvent {
  readonly minute: number
  readonly tokens: number | string
  /** In which month after its own it arrives; 0 is in time. */
  readonly delay: number
}

const drawnEvent = fc.record({
  minute: fc.integer({ min: 0, max: 120 * 1440 - 1 }),
  tokens: fc.oneof(fc.integer({ min: 0, max: 700 }), fc.constantFrom('0.5', '33.25')),
  delay: fc.integer({ min: 0, max: 3 }),
})

const START_MINUTE = Date.UTC(2026, 0, 1) / 60_000
const monthOf = (minute: number) => new Date((START_MINUTE + minute) * 60_000).getUTCMonth()

async function send(externalCustomerId: string, events: readonly DrawnEvent[]): Promise<void> {
  const received = events.map(({ minute, tokens }) => ({
    event: usageEvent({
      externalCustomerId,
      timestampMicros: (START_MINUTE + minute) * 60_000_000,
      properties: { tokens },
    }),
    receivedAt: '2026-02-01T00:00:00Z',
  }))
  if (received.length > 0) await aggregateEvents(fixture.pool, fixture.organizationId, received)
}

interface Billed {
  readonly period_start: string
  readonly position: number
  readonly kind: string
  readonly billed: number
}

/**
 * A note that would come to nothing is not issued. Half a unit that arrives late may add a cent to the usage and take it off
 * the minimum: that cent stays where it was billed, and each period comes to the same.
 */
function expectNoted(noted: readonly Billed[], expected: readonly Billed[]): void {
  const keyOf = ({ period_start: period, position, kind }: Billed) => `${period} ${position} ${kind}`
  const differences = new Map(expected.map((line) => [keyOf(line), { ...line, billed: -line.billed }]))
  for (const line of noted) {
    const other = differences.get(keyOf(line))
    differences.set(keyOf(line), { ...line, billed: line.billed + (other?.billed ?? 0) })
  }
  for (const [period, lines] of Map.groupBy(differences.values(), (line) => line.period_start)) {
    const cents = lines.map(({ billed }) => billed)
    expect([period, cents.reduce((sum, one) => sum + one, 0)]).toEqual([period, 0])
    expect(Math.max(...cents), period).toBeLessThanOrEqual(1)
  }
}

/** What was billed of the usage of each period, by the kind of line it adds to, in minor units and units. */
async function billedOf(externalCustomerId: string): Promise<readonly Billed[]> {
  const { rows } = await fixture.pool.query<Billed>(
    `with line as (
       select coalesce(line.corrects_invoice_id, line.invoice_id) as invoice_id, price_component_id,
         coalesce(corrected_kind, kind) as kind, amount_minor
       from invoice_lines line
       union all
       select corrects_invoice_id, price_component_id, corrected_kind, amount_minor from credit_note_lines)
     select invoice.period_start::text, position.position, line.kind, sum(amount_minor)::int as billed
     from line join invoices invoice on invoice.id = line.invoice_id and invoice.status = 'finalized'
     join customers using (customer_id) join price_components position on position.id = line.price_component_id
     where customers.external_id = $1 and line.kind <> 'plan_fee'
     group by 1, 2, 3 having sum(amount_minor) <> 0 order by 1, 2, 3`,
    [externalCustomerId],
  )
  return rows
}

test('whenever usage arrives, all that is billed of a period comes to the price of what was used in it', async () => {
  const runs: { name: string; events: readonly DrawnEvent[] }[] = []
  fc.assert(
    fc.property(fc.array(drawnEvent, { minLength: 1, maxLength: 25 }), (events) => {
      runs.push({ name: `${runs.length}`, events })
    }),
    { numRuns: 12 },
  )
  const customers = runs.flatMap(({ name, events }) =>
    ['in_time', 'next_invoice', 'note'].map((policy) => ({ name: `${name}-${policy}`, policy, events })),
  )
  for (const { name, policy } of customers) {
    await fixture.customer(name)
    await fixture.subscribe({ externalCustomerId: name, planCode: policy === 'note' ? 'note' : 'next_invoice' })
  }
  for (let month = 0; month < MONTHS + 4; month += 1) {
    for (const { name, policy, events } of customers) {
      const arriving = events.filter(
        ({ minute, delay }) => monthOf(minute) + (policy === 'in_time' ? 0 : delay) === month,
      )
      await send(name, arriving)
    }
    const end = Temporal.Instant.fromEpochMilliseconds(Date.UTC(2026, month + 1, 2))
    await fixture.advanceTo(end.toString())
  }
  for (const { name } of runs) {
    const expected = await billedOf(`${name}-in_time`)
    expect(expected.length).toBeGreaterThan(0)
    expect(await billedOf(`${name}-next_invoice`)).toEqual(expected)
    expectNoted(await billedOf(`${name}-note`), expected)
  }
  const { rows } = await fixture.pool.query(
    `select (select count(*) from invoice_lines where kind = 'usage_credit')::int as credits,
       (select count(*) from credit_notes)::int as credit_notes,
       (select count(*) from invoices where kind = 'debit_note')::int as debit_notes,
       (select count(*) from reopened_periods)::int as reopened`,
  )
  expect(rows[0]).toMatchObject({ reopened: 0 })
  for (const count of ['credits', 'debit_notes']) expect(rows[0][count], count).toBeGreaterThan(0)
}, 240_000)
