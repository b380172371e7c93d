import fc from 'fast-check'
import { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decimal } from '../../../shared/money/decimal.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { sendAndCount } from '../../support/count-events.ts'
import { differingDistinctValues } from '../../support/distinct-audit.ts'
import { openSentUsage, type SentEvent, type SentUsage } from '../../support/sent-usage.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'

const NOW = '2026-03-28T00:00:00Z'
const PERIOD_START = '2026-03-01T00:00:00Z'
const METRICS = [
  { code: 'items', recurring: false, groups: [] },
  { code: 'kept_items', recurring: true, groups: [] },
  { code: 'items_by_region', recurring: false, groups: ['region'] },
] as const

let api: TestApi
let client: ApiClient
let workers: RunningWorkers
let sentUsage: SentUsage
let owner: Pool

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  workers = await startWorkers(api.config, ['aggregate-usage'])
  sentUsage = await openSentUsage(api.config.databaseUrl)
  owner = new Pool({ connectionString: api.config.databaseUrl, max: 1, options: '-c search_path=tabkeeper' })
  await create('/test_clocks', { frozen_time: NOW })
  const charges = []
  for (const { code, recurring, groups } of METRICS) {
    const about = { aggregation: 'unique_count', field_name: 'item', event_code: 'use', recurring }
    const { id } = await create('/billable_metrics', { code, name: code, ...about })
    const properties = { amount: '1', ...(groups.length > 0 && { pricing_group_keys: groups }) }
    charges.push({ billable_metric_id: id, charge_model: 'standard', properties })
  }
  await create('/plans/', { code: 'items', name: 'Items', interval: 'monthly', charges })
})
afterAll(async () => {
  await owner.end()
  await sentUsage.close()
  await workers.stop()
  await api.stop()
})

async function create(path: string, body: object): Promise<{ id: string }> {
  const answer = await client.post(path, body)
  expect(answer.status, answer.text).toBe(201)
  return answer.body as { id: string }
}

let customers = 0

async function subscribe(startedAt: string): Promise<string> {
  customers += 1
  const customer = `customer-${customers}`
  await create('/customers', { external_id: customer })
  const about = { external_customer_id: customer, external_id: customer, plan_code: 'items' }
  await create('/subscriptions', { ...about, started_at: startedAt, billing_time: 'calendar' })
  return customer
}

// A charge without usage has a line of its own.
async function answered(customer: string): Promise<string[]> {
  const answer = await client.get(`/subscriptions/${customer}/current_usage`)
  expect(answer.status, answer.text).toBe(200)
  const { lines } = answer.body as {
    lines: { billable_metric_code: string; grouped_by: { region?: string }; units: string; events_count: number }[]
  }
  return lines
    .map(({ billable_metric_code: code, grouped_by, units, events_count }) => {
      return `${code} ${grouped_by.region ?? ''} ${decimal(units).toFixed()} of ${events_count}`
    })
    .filter((line) => !line.endsWith(' 0 of 0'))
    .sort()
}

/** From what was sent, by plain SQL: what has units or events of the period. */
async function expected(customer: string, since: string): Promise<string[]> {
  const used = METRICS.map(({ code, recurring, groups }) => {
    const region = groups.length > 0 ? `p ->> 'region'` : 'null::text'
    return `select '${code}' as code, region, count(*) filter (where present) as units, sum(events) as events
      from (select distinct on (region, item) region, item, present,
              count(*) filter (where at >= $2::timestamptz) over (partition by region, item) as events
            from (select ${region} as region, p ->> 'item' as item, at, place,
                    p ->> 'operation_type' is distinct from 'remove' as present
                  from first_sent where customer = $1 and p ->> 'item' is not null
                    and at >= ${recurring ? '$3::timestamptz' : 'greatest($2::timestamptz, $3::timestamptz)'}) event
            order by region, item, at desc, place desc) last
      group by region`
  })
  const rows = await sentUsage.query<{ line: string }>(
    `select concat(code, ' ', region, ' ', units, ' of ', events) as line
     from (${used.join(' union all ')}) used where units > 0 or events > 0`,
    [customer, since > PERIOD_START ? since : PERIOD_START, since],
  )
  return rows.map(({ line }) => line).sort()
}

const drawnEvent = fc.record({
  // Up to the end of the period; equal times, also within and across quarter hours.
  seconds: fc.oneof(
    fc.integer({ min: -50 * 86_400, max: 3 * 86_400 }),
    fc.constantFrom(0, 1, 899, 900, -86_400, -27 * 86_400, -27 * 86_400 - 1, -27 * 86_400 + 601),
  ),
  item: fc.constantFrom<unknown>('a', 'b', 'c', 'd', 1, '1', 'é', null),
  operation: fc.constantFrom('add', 'add', 'remove', undefined),
  region: fc.constantFrom('eu', 'us', undefined),
})

const drawnUsage = fc.record({
  // Before the period, on its start, and within a quarter hour of it, whose first part is not theirs.
  startedAt: fc.constantFrom('2026-01-01T00:00:00Z', PERIOD_START, '2026-03-01T00:08:00Z', '2026-03-27T23:50:30.5Z'),
  events: fc.array(drawnEvent, { minLength: 1, maxLength: 60 }),
  resent: fc.array(fc.nat(), { maxLength: 5 }),
  batch: fc.constantFrom(1, 7, 60),
})

function sentEvents(customer: string, { events, resent }: { events: readonly Drawn[]; resent: readonly number[] }) {
  const built = events.map(
    ({ seconds, item, operation, region }, index): SentEvent => ({
      transaction_id: `t-${index}`,
      external_customer_id: customer,
      code: 'use',
      timestamp: new Date(Date.parse(NOW) + seconds * 1000).toISOString(),
      properties: {
        item,
        ...(operation !== undefined && { operation_type: operation }),
        ...(region !== undefined && { region }),
      },
    }),
  )
  return [...built, ...resent.map((index) => built[index % built.length] as SentEvent)]
}

type Drawn = typeof drawnEvent extends fc.Arbitrary<infer Value> ? Value : never

async function send(events: readonly SentEvent[], size: number): Promise<void> {
  await sentUsage.add(events)
  for (let from = 0; from < events.length; from += size) {
    await sendAndCount(client, events.slice(from, from + size))
  }
}

test('distinct values are what plain SQL counts, whatever comes late, again, in what order and in what batches', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(drawnUsage, async ({ startedAt, batch, ...drawn }) => {
      const customer = await subscribe(startedAt)
      await send(sentEvents(customer, drawn), batch)
      expect(await answered(customer)).toEqual(await expected(customer, startedAt))
      expect(await differingDistinctValues(owner, client.organizationId)).toEqual([])
    }),
    { numRuns: 15 },
  )
})

test('the distinct values of the running period are counted without their events', async () => {
  const customer = await subscribe('2026-01-01T00:00:00Z')
  const use = (seconds: number, item: string, operation: Drawn['operation'] = 'add'): Drawn => {
    return { seconds, item, operation, region: 'eu' }
  }
  const events = [use(-40 * 86_400, 'a'), use(0, 'b'), use(10, 'c'), use(20, 'c', 'remove'), use(-5 * 86_400, 'd')]
  await send(sentEvents(customer, { events: [...events, use(-30 * 86_400, 'b')], resent: [] }), 6)
  const lines = await expected(customer, '2026-01-01T00:00:00Z')
  expect(lines).toEqual(['items  2 of 4', 'items_by_region eu 2 of 4', 'kept_items  3 of 4'])
  await owner.query('delete from usage_events where customer_id = (select max(customer_id) from customers)')
  expect(await answered(customer)).toEqual(lines)
})

test('a value that was seen again after the period still belongs to it', async () => {
  const customer = await subscribe('2026-01-01T00:00:00Z')
  const use = (seconds: number) => ({ seconds, item: 'a', operation: undefined, region: undefined })
  const events = sentEvents(customer, { events: [use(-60), use(10 * 86_400)], resent: [] })
  await sendAndCount(client, events)
  expect(await answered(customer)).toEqual(['items  1 of 1', 'items_by_region  1 of 1', 'kept_items  1 of 1'])
})

test('an event that is voided leaves the value to what came before it', async () => {
  const customer = await subscribe('2026-01-01T00:00:00Z')
  const use = (seconds: number, operation: Drawn['operation']): Drawn => {
    return { seconds, item: 'a', operation, region: undefined }
  }
  const events = sentEvents(customer, { events: [use(-60, 'add'), use(0, 'remove')], resent: [] })
  await sendAndCount(client, events)
  expect(await answered(customer)).toEqual(['items  0 of 2', 'items_by_region  0 of 2', 'kept_items  0 of 2'])
  const voided = await client.post('/events/t-1/void', { external_customer_id: customer, reason: 'by mistake' })
  expect(voided.status, voided.text).toBe(201)
  expect(await answered(customer)).toEqual(['items  1 of 1', 'items_by_region  1 of 1', 'kept_items  1 of 1'])
  await sendAndCount(client, [{ ...events[0], transaction_id: 'again', timestamp: NOW }])
  expect(await answered(customer)).toEqual(['items  1 of 2', 'items_by_region  1 of 2', 'kept_items  1 of 2'])
})
