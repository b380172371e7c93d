import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FILTER_VALUES } from '../../support/drawn-charges.ts'
import { type DrawnCase, type DrawnEvent, drawnCase, NOW } from '../../support/drawn-usage.ts'
import { type Fraction, fraction, rounded, shown } from '../../support/fraction.ts'
import { type ReferenceLine, referenceLines } from '../../support/reference-lines.ts'
import { referencePeriod } from '../../support/reference-period.ts'
import { PRICED_METRICS } from '../../support/reference-units.ts'
import type { DrawnCharge } from '../../support/sent-charge.ts'
import { type ClockedClient, startService, type TestService } from '../../support/service.ts'

const CASES = 60
const SEED = Number(process.env['TABKEEPER_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const DIGITS: Readonly<Record<string, number>> = { USD: 2, JPY: 0, KWD: 3 }

let service: TestService
let client: ClockedClient
beforeAll(async () => {
  service = await startService()
  client = await service.client(NOW)
  // Longer than it takes from the first end of a period to the last, so that all are drafts at one time.
  await client.patch('/issuers/default', { grace_period_seconds: 6 * 86_400 })
})
afterAll(() => service.stop())

interface Made {
  readonly name: string
  readonly drawn: DrawnCase
  readonly charges: readonly { readonly id: string; readonly filters: readonly { readonly id: string }[] }[]
}

type Ids = Readonly<Record<string, string>>

async function makeMetrics(): Promise<ReadonlyMap<string, Ids>> {
  const made = new Map<string, Ids>()
  for (const { code, about } of PRICED_METRICS) {
    const { id } = await client.create('/billable_metrics', { code, name: code, event_code: 'use', ...about })
    const ids: Record<string, string> = { metric: id }
    for (const [key, values] of Object.entries(FILTER_VALUES)) {
      ids[key] = (await client.create(`/billable_metrics/${code}/filters`, { key, values })).id
    }
    made.set(code, ids)
  }
  return made
}

function sentCharge({ model, properties, metric, filters, modifiers }: DrawnCharge, ids: Ids) {
  const entries = filters.map(({ conditions, properties: own }) => {
    const [first, ...others] = conditions.map(({ key, values }) => ({ billable_metric_filter_id: ids[key], values }))
    return { ...first, and: others, ...(own === undefined ? {} : { properties: own }) }
  })
  return {
    billable_metric_id: ids['metric'],
    charge_model: model,
    invoice_display_name: metric.code,
    properties,
    filters: entries,
    ...modifiers,
  }
}

async function makeCase(name: string, drawn: DrawnCase, metrics: ReadonlyMap<string, Ids>): Promise<Made> {
  const { currency, timeZone, startedAt, endedAt } = drawn
  const charges = drawn.charges.map((charge) => sentCharge(charge, metrics.get(charge.metric.code) ?? {}))
  const plan = await client.create('/plans/', { code: name, name, interval: 'monthly', currency, charges })
  await client.create('/customers', { external_id: name, time_zone: timeZone })
  const about = { external_customer_id: name, plan_code: name, external_id: `${name}-own` }
  await client.create('/subscriptions', { ...about, started_at: startedAt, ended_at: endedAt })
  return { name, drawn, charges: plan.charges }
}

function atOf({ micros }: DrawnEvent): number {
  return Date.parse(NOW) * 1000 + micros
}

function sentEvent(name: string, event: DrawnEvent, index: number) {
  const { subscription, code, cents, properties } = event
  return {
    transaction_id: `${index}`,
    external_customer_id: name,
    ...(subscription === null ? {} : { external_subscription_id: `${name}-${subscription}` }),
    code,
    timestamp: Temporal.Instant.fromEpochNanoseconds(BigInt(atOf(event)) * 1000n).toString(),
    ...(cents === null ? {} : { precise_total_amount_cents: cents }),
    properties,
  }
}

/** What is sent, in any order: first each event with its resends, then what reuses an identity. */
function waves(made: readonly Made[], isLate: boolean, shuffle: (list: object[]) => object[]): object[][] {
  const chosen = made.flatMap(({ name, drawn }) =>
    drawn.events
      .map((event, index) => ({ event, sent: sentEvent(name, event, index) }))
      .filter(({ event }) => event.isLate === isLate),
  )
  const first = chosen.flatMap(({ event, sent }) => Array.from({ length: 1 + event.resends }, () => sent))
  const reused = chosen
    .filter(({ event }) => event.isReused)
    .map(({ sent }) => ({ ...sent, properties: { ...sent.properties, v: 5000, n: 5000, item: 'other' } }))
  return [shuffle(first), shuffle(reused)]
}

async function send(events: readonly object[], sizes: Iterator<number>): Promise<void> {
  for (let from = 0; from < events.length; ) {
    const size = sizes.next().value
    const answer = await client.post('/events/batch', { events: events.slice(from, from + size) })
    expect([answer.status, answer.body.accepted]).toEqual([202, Math.min(size, events.length - from)])
    from += size
  }
  const waiting = async () => (await client.get('/events/backlog')).body.queued_batches
  await expect.poll(waiting, { timeout: 30_000, interval: 20 }).toBe(0)
}

function expectedLines({ drawn }: Made, charge: DrawnCharge): ReferenceLine[] {
  const period = referencePeriod(drawn, NOW)
  const startedAt = Date.parse(drawn.startedAt) * 1000
  const own = drawn.events
    .filter(({ code }) => code === 'use')
    .map((event) => ({ ...event, at: atOf(event) }))
    .filter(
      ({ at, subscription }) =>
        at < period.end && (subscription === 'own' || (subscription === null && at >= startedAt)),
    )
  return referenceLines(charge, own, { period, digits: DIGITS[drawn.currency] ?? 2 })
}

interface Line {
  readonly kind: string
  readonly charge_id: string
  readonly charge_filter_id: string | null
  readonly grouped_by: Record<string, string | null>
  readonly units: string
  readonly events_count: number
  readonly amount: string
  readonly amount_cents: number
}

// Divisions that never end are carried to 140 digits, so a half that they add up to may be a hair below it.
function exact(text: string): Fraction {
  return rounded(fraction(text), 'round', 60)
}

function billedLines(lines: readonly Line[], { id, filters }: Made['charges'][number]): ReferenceLine[] {
  return lines
    .filter((line) => line.charge_id === id)
    .map((line) => {
      const isMinimum = line.kind === 'minimum_spend'
      const filter = filters.findIndex((one) => one.id === line.charge_filter_id)
      return {
        filter: isMinimum ? 'minimum' : filter < 0 ? null : filter,
        groups: line.grouped_by,
        units: shown(exact(line.units)),
        events: line.events_count,
        amount: isMinimum ? '' : shown(exact(line.amount)),
        minor: String(line.amount_cents),
      }
    })
}

test('every model and modifier bills what walking the usage unit by unit comes to, however it was sent', async () => {
  const cases = fc.sample(drawnCase, { numRuns: CASES, seed: SEED })
  const metrics = await makeMetrics()
  const made: Made[] = []
  for (const [index, drawn] of cases.entries()) made.push(await makeCase(`case-${index}`, drawn, metrics))
  const places = fc.sample(fc.nat({ max: 1_000_000 }), { numRuns: 20_000, seed: SEED }).values()
  const sizes = fc.sample(fc.constantFrom(1, 5, 40, 200), { numRuns: 20_000, seed: SEED }).values()
  const shuffle = (list: object[]) =>
    list
      .map((event) => ({ event, place: places.next().value ?? 0 }))
      .sort((one, other) => one.place - other.place)
      .map(({ event }) => event)
  for (const wave of waves(made, false, shuffle)) await send(wave, sizes as Iterator<number>)
  await client.advanceTo('2026-02-01T12:00:00Z')
  for (const wave of waves(made, true, shuffle)) await send(wave, sizes as Iterator<number>)
  await client.advanceTo('2026-02-08T00:00:00Z')
  for (const one of made) {
    const { data } = (await client.get(`/invoices?external_customer_id=${one.name}`)).body
    const named = `${one.name} of TABKEEPER_TEST_SEED=${SEED}`
    expect([named, data.length, data[0]?.status]).toEqual([named, 1, 'finalized'])
    for (const [index, charge] of one.drawn.charges.entries()) {
      const lines = billedLines(data[0].lines, one.charges[index] as Made['charges'][number])
      expect(lines, `${named}, charge ${index}: ${JSON.stringify(charge)}`).toEqual(expectedLines(one, charge))
    }
  }
}, 180_000)
