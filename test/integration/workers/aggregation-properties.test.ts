import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AGGREGATION_NAMES } from '../../../shared/metering/aggregations.ts'
import { decimal } from '../../../shared/money/decimal.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'
import { METRICS } from '../../support/reference-metrics.ts'
import {
  expectedFaults,
  expectedUnpaid,
  expectedUsage,
  type MeasuredUsage,
  type ReferenceSubscription,
} from '../../support/reference-usage.ts'
import { openSentUsage, type SentEvent, type SentUsage } from '../../support/sent-usage.ts'
import { expectVerified } from '../../support/tabkeeper.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'

const NOW = '2026-03-28T00:00:00Z'

let api: TestApi
let client: ApiClient
let workers: RunningWorkers
let sentUsage: SentUsage

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  workers = await startWorkers(api.config, ['aggregate-usage'])
  sentUsage = await openSentUsage(api.config.databaseUrl)
  await create('/test_clocks', { frozen_time: NOW })
  const metrics = []
  for (const { code, about } of METRICS) {
    metrics.push(await create('/billable_metrics', { code, name: code, event_code: 'gauge', ...about }))
  }
  const charges = metrics.map(({ id }) => ({
    billable_metric_id: id,
    charge_model: 'standard',
    properties: { amount: '1' },
  }))
  await create('/plans/', { code: 'all', name: 'All', interval: 'monthly', charges })
})
afterAll(async () => {
  await sentUsage.close()
  await workers.stop()
  await api.stop()
})

async function create(path: string, body: object): Promise<{ id: string }> {
  const answer = await client.post(path, body)
  expect(answer.status, answer.text).toBe(201)
  return answer.body as { id: string }
}

const drawnCustomer = fc.record({
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns'),
  // Usage may come before anybody has heard of its customer.
  isRegisteredFirst: fc.boolean(),
  startedAt: fc.constantFrom('2026-02-11T07:03:11Z', '2026-03-05T07:03:11.25Z'),
  endedAt: fc.constantFrom(null, '2026-03-29T13:20:05.5Z'),
  second: fc.constantFrom(null, { ownEventsOnly: true }, { ownEventsOnly: false }),
})

const drawnTime = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -40 * 86_400, max: 5 * 86_400 }) },
  // Bounds of periods and buckets, to the second and beside it, which also makes equal times.
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('2026-03-05T07:03:11.25Z', '2026-03-29T13:20:05.5Z', '2026-02-28T23:00:00Z', '2026-03-05T07:15:00Z')
      .chain((at) => fc.constantFrom(-0.000001, 0, 0.000001).map((by) => secondsSinceNow(at) + by)),
  },
)

function secondsSinceNow(at: string): number {
  return (Date.parse(at) - Date.parse(NOW)) / 1000
}

const drawnValue = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -20, max: 60 }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<unknown>('0.125', 7.5, '33.3', '1e3', '+5', '.5', '123456789012345678.25', 0),
  },
  { weight: 2, arbitrary: fc.constantFrom<unknown>('many', '', '1e31', true, null, undefined, { a: 1 }, '1,000') },
)

const drawnEvent = fc.record({
  customer: fc.nat({ max: 1 }),
  seconds: drawnTime,
  subscription: fc.constantFrom('first', 'first', 'second', 'nowhere', null, null, null, null),
  code: fc.constantFrom('gauge', 'gauge', 'gauge', 'gauge', 'gauge', 'gauge', 'nobody-reads-this'),
  source: fc.constantFrom(undefined, 'other'),
  properties: fc.record(
    {
      v: drawnValue,
      w: drawnValue,
      item: fc.constantFrom<unknown>('a', 'b', 'A', 1, '1', 1.5, null, undefined),
      operation_type: fc.constantFrom('add', 'remove'),
    },
    { requiredKeys: ['v', 'w', 'item'] },
  ),
})

const drawnCorrection = fc.record({
  index: fc.nat(),
  // Nothing voids the event.
  amended: fc.option(drawnEvent, { freq: 3 }),
})

const drawnUsage = fc.record({
  customers: fc.tuple(drawnCustomer, drawnCustomer),
  events: fc.array(drawnEvent, { minLength: 1, maxLength: 45 }),
  resends: fc.array(fc.record({ index: fc.nat(), hasOtherContent: fc.boolean() }), { maxLength: 12 }),
  corrections: fc.array(drawnCorrection, { maxLength: 12 }),
  order: fc.infiniteStream(fc.nat({ max: 10_000 })),
  batchSizes: fc.array(fc.constantFrom(1, 3, 9, 30), { minLength: 1, maxLength: 4 }),
})

type DrawnCustomer = typeof drawnCustomer extends fc.Arbitrary<infer Value> ? Value : never
type DrawnUsage = typeof drawnUsage extends fc.Arbitrary<infer Value> ? Value : never

interface AskedSubscription extends ReferenceSubscription {
  readonly id: string
}

const SECOND_STARTED_AT = '2026-03-09T00:10:00Z'

async function register(customer: string, drawn: DrawnCustomer): Promise<AskedSubscription[]> {
  await create('/customers', { external_id: customer, time_zone: drawn.timeZone })
  const { timeZone, startedAt, endedAt, second } = drawn
  const about = { external_customer_id: customer, plan_code: 'all', billing_time: 'calendar' }
  const period = { customer, timeZone, now: NOW }
  const first = { ...period, externalId: `${customer}-first`, startedAt, endedAt, takesShared: true, before: null }
  const wanted = { external_id: first.externalId, started_at: startedAt, ended_at: endedAt }
  const subscriptions = [{ ...first, id: (await create('/subscriptions', { ...about, ...wanted })).id }]
  if (second === null) return subscriptions
  const { ownEventsOnly } = second
  const other = {
    ...period,
    externalId: `${customer}-second`,
    startedAt: SECOND_STARTED_AT,
    endedAt: null,
    takesShared: !ownEventsOnly,
    before: { startedAt, endedAt },
  }
  const own = { external_id: other.externalId, started_at: other.startedAt, own_events_only: ownEventsOnly }
  return [...subscriptions, { ...other, id: (await create('/subscriptions', { ...about, ...own })).id }]
}

type DrawnEvent = typeof drawnEvent extends fc.Arbitrary<infer Value> ? Value : never

function contentOf({ seconds, subscription, properties, code }: DrawnEvent, customer: string) {
  return {
    ...(subscription === null ? {} : { external_subscription_id: `${customer}-${subscription}` }),
    code,
    timestamp: Temporal.Instant.from(NOW)
      .add({ microseconds: Math.round(seconds * 1e6) })
      .toString(),
    // As JSON has it: what is undefined is not there.
    properties: JSON.parse(JSON.stringify(properties)) as SentEvent['properties'],
  }
}

function builtEvents({ events }: DrawnUsage, customers: readonly string[]): SentEvent[] {
  return events.map((drawn, index): SentEvent => {
    const name = customers[drawn.customer] ?? ''
    return {
      transaction_id: `t-${index}`,
      ...(drawn.source === undefined ? {} : { source: drawn.source }),
      external_customer_id: name,
      ...contentOf(drawn, name),
    }
  })
}

function eventsOf({ resends, order }: DrawnUsage, built: readonly SentEvent[]): SentEvent[] {
  const again = resends.map(({ index, hasOtherContent }): SentEvent => {
    const event = built[index % built.length] as SentEvent
    return hasOtherContent ? { ...event, properties: { ...event.properties, v: 5_000 } } : event
  })
  const places = [...order.take(built.length + again.length)]
  return [...built, ...again]
    .map((event, index) => ({ event, place: places[index] ?? 0 }))
    .sort((one, other) => one.place - other.place)
    .map(({ event }) => event)
}

// Batch after batch, each counted before the next, so that which of two came first is known.
async function send(events: readonly SentEvent[], sizes: readonly number[]): Promise<void> {
  await sentUsage.add(events)
  for (let from = 0, turn = 0; from < events.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    const batch = events.slice(from, from + size)
    const answer =
      size === 1 ? await client.post('/events', batch[0]) : await client.post('/events/batch', { events: batch })
    expect(answer.status, answer.text).toBe(202)
    await expect.poll(async () => (await client.get('/events/backlog')).body.queued_batches, { interval: 5 }).toBe(0)
    from += size
  }
}

// An event that was voided, or says so already, is refused, and stays as it is.
async function correctAll({ corrections }: DrawnUsage, built: readonly SentEvent[]): Promise<void> {
  for (const [place, { index, amended }] of corrections.entries()) {
    const event = built[index % built.length] as SentEvent
    const { transaction_id, ...of } = identityOf(event)
    const about = { ...of, reason: `correction ${place}` }
    const content = amended && contentOf(amended, event.external_customer_id)
    const body = content === null ? about : { ...about, event: { external_subscription_id: null, ...content } }
    const { status, text } = await client.post(`/events/${transaction_id}/${content === null ? 'void' : 'amend'}`, body)
    expect([201, 409], text).toContain(status)
    if (status === 201) await sentUsage.correct(event, content && { ...identityOf(event), ...content })
  }
}

function identityOf({ transaction_id, external_customer_id, source }: SentEvent) {
  return { transaction_id, external_customer_id, ...(source === undefined ? {} : { source }) }
}

async function answeredUsage({ id }: AskedSubscription): Promise<Record<string, MeasuredUsage>> {
  const { lines } = (await client.get(`/subscriptions/${id}/current_usage`)).body as {
    lines: { billable_metric_code: string; units: string; events_count: number }[]
  }
  const none = METRICS.map(({ code }) => [code, { units: '0', events: 0 }] as const)
  return Object.fromEntries([
    ...none,
    ...lines.map((line) => {
      const units = decimal(line.units).toDecimalPlaces(12).toFixed()
      return [line.billable_metric_code, { units, events: line.events_count }] as const
    }),
  ])
}

async function storedFaults(customers: readonly string[]): Promise<string[]> {
  const { rows } = await workers.context.pool.query<{ line: string }>(
    `select concat_ws(' ', external_id, transaction_id, metric.code, reason) as line
     from unprocessed_events unprocessed join customers using (customer_id)
     left join billable_metrics metric on metric.id = billable_metric_id
     where external_id = any($1) and reason <> 'customer_not_found' and reason not like 'subscription_%'`,
    [customers],
  )
  return rows.map(({ line }) => line).sort()
}

async function storedUnpaid(customers: readonly string[]): Promise<string[]> {
  const { rows } = await workers.context.pool.query<{ line: string }>(
    `select concat_ws(' ', external_id, transaction_id, reason) as line
     from unprocessed_events join customers using (customer_id)
     where external_id = any($1) and reason like 'subscription_%'`,
    [customers],
  )
  return rows.map(({ line }) => line).sort()
}

test('all aggregations are held to the reference', () => {
  expect(new Set(METRICS.map(({ about }) => about.aggregation))).toEqual(new Set(AGGREGATION_NAMES))
})

test('usage over HTTP and queue is what plain SQL over what was sent says, and so is what could not be used', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(drawnUsage, async (usage) => {
      run += 1
      const customers = usage.customers.map((_, index) => `run-${run}-${index}`)
      const subscriptions: AskedSubscription[] = []
      const registerAll = async (first: boolean): Promise<void> => {
        for (const [index, drawn] of usage.customers.entries()) {
          if (drawn.isRegisteredFirst === first) subscriptions.push(...(await register(customers[index] ?? '', drawn)))
        }
      }
      await registerAll(true)
      const known = [...subscriptions]
      const built = builtEvents(usage, customers)
      await send(eventsOf(usage, built), usage.batchSizes)
      await correctAll(usage, built)
      expect(await storedUnpaid(customers)).toEqual(await expectedUnpaid(sentUsage, customers, known))
      await registerAll(false)
      for (const subscription of subscriptions) {
        expect(await answeredUsage(subscription)).toEqual(await expectedUsage(sentUsage, subscription))
      }
      expect(await storedFaults(customers)).toEqual(await expectedFaults(sentUsage, customers))
      await expectVerified(api.config.databaseUrl)
    }),
    { numRuns: 12 },
  )
})
