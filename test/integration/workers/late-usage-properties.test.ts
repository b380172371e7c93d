import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { correctEvent } from '../../../db/corrections/correct-event.ts'
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
  // A fee that no credit uses up, and one behind which none that is too large can hide.
  await fixture.plan({ code: 'next_invoice', amountMinor: 100_000n }, CHARGES)
  await fixture.plan({ code: 'note', amountMinor: 1n, lateUsage: 'note' }, CHARGES)
})
afterAll(() => fixture.close())

interface DrawnEvent {
  readonly minute: number
  readonly tokens: number | string
  /** In which month after its own it arrives; 0 is in time. */
  readonly delay: number
  /** How many months later it is voided; null: it is not. */
  readonly voidedAfter: number | null
}

const drawnEvent = fc.record({
  minute: fc.integer({ min: 0, max: 120 * 1440 - 1 }),
  tokens: fc.oneof(fc.integer({ min: 0, max: 700 }), fc.constantFrom('0.5', '33.25')),
  delay: fc.integer({ min: 0, max: 3 }),
  voidedAfter: fc.option(fc.integer({ min: 0, max: 1 }), { freq: 2 }),
})

const START_MINUTE = Date.UTC(2026, 0, 1) / 60_000
const monthOf = (minute: number) => new Date((START_MINUTE + minute) * 60_000).getUTCMonth()

/** Which event of a customer it is, by its place. */
const transactionIdOf = (place: number) => `event-${place}`

type PlacedEvent = DrawnEvent & { readonly place: number }

async function send(externalCustomerId: string, events: readonly PlacedEvent[]): Promise<void> {
  const received = events.map(({ minute, tokens, place }) => ({
    event: usageEvent({
      externalCustomerId,
      transactionId: transactionIdOf(place),
      timestampMicros: (START_MINUTE + minute) * 60_000_000,
      properties: { tokens },
    }),
    receivedAt: '2026-02-01T00:00:00Z',
  }))
  if (received.length > 0) await aggregateEvents(fixture.pool, fixture.organizationId, received)
}

async function voidAll(externalCustomerId: string, events: readonly PlacedEvent[]): Promise<void> {
  for (const { place } of events) {
    const event = { externalCustomerId, source: '', transactionId: transactionIdOf(place) }
    const about = { changes: null, reason: 'never used', apiKeyId: randomUUID(), receivedAt: '2026-02-01T00:00:00Z' }
    await fixture.within((transaction) => correctEvent(transaction, fixture.organizationId, { event, ...about }))
  }
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

/** Documents of which more was given back than they came to. */
async function overcredited(): Promise<readonly object[]> {
  const { rows } = await fixture.pool.query(
    `select invoice.number, invoice.total_minor, sum(note.total_minor) as credited
     from credit_notes note join invoices invoice on invoice.id = note.invoice_id
     group by invoice.number, invoice.total_minor having sum(note.total_minor) > invoice.total_minor`,
  )
  return rows
}

test('whenever usage arrives or is voided, all that is billed of a period comes to the price of what was used in it', async () => {
  const runs: { name: string; events: readonly PlacedEvent[] }[] = []
  fc.assert(
    fc.property(fc.array(drawnEvent, { minLength: 1, maxLength: 25 }), (events) => {
      runs.push({ name: `${runs.length}`, events: events.map((event, place) => ({ ...event, place })) })
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
      const inTime = policy === 'in_time'
      const used = inTime ? events.filter(({ voidedAfter }) => voidedAfter === null) : events
      await send(
        name,
        used.filter(({ minute, delay }) => monthOf(minute) + (inTime ? 0 : delay) === month),
      )
      const isVoided = ({ minute, delay, voidedAfter }: DrawnEvent) =>
        voidedAfter !== null && monthOf(minute) + delay + voidedAfter === month
      await voidAll(name, used.filter(isVoided))
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
  expect(await overcredited()).toEqual([])
  for (const count of ['credits', 'credit_notes', 'debit_notes']) expect(rows[0][count], count).toBeGreaterThan(0)
}, 240_000)
