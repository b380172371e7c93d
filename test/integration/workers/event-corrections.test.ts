import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createPool } from '../../../db/connection.ts'
import { differingRollups } from '../../support/rollup-audit.ts'
import type { ClockedClient, TestService } from '../../support/service.ts'
import { startService } from '../../support/service.ts'
import { expectVerified } from '../../support/tabkeeper.ts'

let service: TestService
let client: ClockedClient
let pool: ReturnType<typeof createPool>

const NOW = '2026-03-20T00:00:00Z'
const AGGREGATIONS = ['count', 'sum', 'max', 'min', 'avg', 'latest', 'weighted_sum', 'unique_count']
const METRICS = [
  ...AGGREGATIONS.map((aggregation) => ({ code: aggregation, aggregation })),
  { code: 'percentile', aggregation: 'percentile', percentile: 50 },
  { code: 'custom', aggregation: 'custom', expression: 'sum(properties.v) * 2' },
  { code: 'carried', aggregation: 'sum', recurring: true },
  { code: 'doubled', aggregation: 'max', expression: 'event.properties.v * 2' },
]

beforeAll(async () => {
  // A hundred corrections at once wait for each other's locks, not for a connection, which nobody waits for longer than
  // ten seconds.
  service = await startService({ DATABASE_POOL_MAX: '40' })
  pool = createPool({ url: service.api.config.databaseUrl, role: 'tabkeeper_worker', max: 3, name: 'test' })
  client = await service.client(NOW)
  const charges: object[] = []
  for (const { code, ...about } of METRICS) {
    const reads = about.aggregation === 'count' || 'expression' in about ? {} : { field_name: 'v' }
    const metric = await client.create('/billable_metrics', {
      code,
      name: code,
      event_code: 'gauge',
      ...about,
      ...reads,
    })
    charges.push({ billable_metric_id: metric.id, charge_model: 'standard', properties: { amount: '1' } })
  }
  await client.create('/plans/', { code: 'all', name: 'All', interval: 'monthly', charges })
})
afterEach(() => expectVerified(service.api.config.databaseUrl))
afterAll(async () => {
  await pool.end()
  await service.stop()
})

let customers = 0

async function newCustomer(): Promise<string> {
  customers += 1
  const externalId = `customer-${customers}`
  await client.create('/customers', { external_id: externalId })
  const about = { external_customer_id: externalId, plan_code: 'all', external_id: `${externalId}-s` }
  await client.create('/subscriptions', { ...about, billing_time: 'calendar', started_at: '2026-03-01T00:00:00Z' })
  return externalId
}

const eventOf = (customer: string, id: string, v: unknown, timestamp: string) => ({
  transaction_id: id,
  external_customer_id: customer,
  code: 'gauge',
  timestamp,
  properties: { v },
})

async function unitsOf(customer: string): Promise<Record<string, string>> {
  const { body } = await client.get(`/subscriptions/${customer}-s/current_usage`)
  return Object.fromEntries(
    body.lines
      .filter(({ units }: { units: string }) => units !== '0')
      .map((line: { billable_metric_code: string; units: string }) => [line.billable_metric_code, line.units]),
  )
}

/** Per metric: the units by day, from rollups, and by day and value, which only raw events know. */
async function reportsOf(customer: string): Promise<unknown[]> {
  const codes = METRICS.map(({ code }) => code)
  const range = 'from=2026-03-01T00:00:00Z&to=2026-03-20T00:00:00Z'
  const about = `external_customer_id=${customer}&${range}&window=`
  const ask = async (code: string, window: string) => {
    const { body, text } = await client.get(`/usage?billable_metric_code=${code}&${about}${window}`)
    expect(body.data, text).toBeInstanceOf(Array)
    return body.data.map((row: object) => ({ ...row, external_customer_id: null }))
  }
  return await Promise.all(codes.map(async (code) => [await ask(code, 'day'), await ask(code, 'day&group_by=v')]))
}

const differences = (...customers: string[]) =>
  differingRollups(pool, client.organizationId, customers).then((rows) => rows.filter(isNumeric))
// Rollups of these hold what their expressions make, and count values that plain SQL does not know of.
const isNumeric = (row: object) => !['custom', 'doubled', 'percentile'].includes((row as { code: string }).code)

const correct = (kind: 'void' | 'amend', customer: string, id: string, body: object = {}) =>
  client.post(`/events/${id}/${kind}`, { external_customer_id: customer, reason: 'wrong', ...body })

const EVENTS: readonly [id: string, v: number, at: string][] = [
  ['a', 5, '2026-03-02T00:00:00Z'],
  ['b', 40, '2026-03-02T00:14:59.999999Z'],
  ['c', 40, '2026-03-02T00:15:00Z'],
  ['d', -3, '2026-03-02T23:59:59.999999Z'],
  ['e', 7, '2026-03-03T00:00:00Z'],
]

test('a voided event counts for no aggregation any more, at once, whichever it was', async () => {
  for (const [voided] of EVENTS) {
    const [customer, reference] = [await newCustomer(), await newCustomer()]
    await client.send(EVENTS.map(([id, v, at]) => eventOf(customer, id, v, at)))
    await client.send(EVENTS.filter(([id]) => id !== voided).map(([id, v, at]) => eventOf(reference, id, v, at)))
    expect(await unitsOf(customer)).not.toEqual(await unitsOf(reference))
    expect((await correct('void', customer, voided)).status).toBe(201)
    expect(await unitsOf(customer)).toEqual(await unitsOf(reference))
    expect(await reportsOf(customer)).toEqual(await reportsOf(reference))
    expect(await differences(customer)).toEqual([])
  }
})

test('an amended event counts as it was amended, in whatever bucket', async () => {
  const changes = [
    { properties: { v: 1000 } },
    { properties: { v: '-1000.25' } },
    { timestamp: '2026-03-02T00:15:00.000001Z' },
    { timestamp: '2026-03-04T10:00:00Z', properties: { v: 8 } },
    { timestamp: '2026-03-01T00:00:00Z', properties: { v: 40 } },
  ]
  for (const [index, event] of changes.entries()) {
    const [customer, reference] = [await newCustomer(), await newCustomer()]
    const [amended = ''] = EVENTS[index] ?? []
    await client.send(EVENTS.map(([id, v, at]) => eventOf(customer, id, v, at)))
    await client.send(EVENTS.filter(([id]) => id !== amended).map(([id, v, at]) => eventOf(reference, id, v, at)))
    const [, v = 0, at = ''] = EVENTS[index] ?? []
    await client.send([{ ...eventOf(reference, amended, v, at), ...event }])
    const answer = await correct('amend', customer, amended, { event })
    expect(answer.status, answer.text).toBe(201)
    expect(await unitsOf(customer)).toEqual(await unitsOf(reference))
    expect(await differences(customer)).toEqual([])
  }
})

const EVENT_AT = '2026-03-10T12:00:00Z'

async function customerWith(v: unknown, id = 'e1'): Promise<string> {
  const customer = await newCustomer()
  await client.send([eventOf(customer, id, v, EVENT_AT)])
  return customer
}

test('the answer says what was corrected, and the same correction again is answered the same', async () => {
  const customer = await customerWith('7.50')
  const body = {
    event: { properties: { z: 1e21, v: '8' }, precise_total_amount_cents: '12.5' },
    reason: 'price came later',
  }
  const first = await correct('amend', customer, 'e1', body)
  expect([first.status, first.body]).toEqual([
    201,
    {
      id: expect.any(String),
      kind: 'amend',
      reason: 'price came later',
      api_key_id: expect.any(String),
      created_at: expect.any(String),
      transaction_id: 'e1',
      source: '',
      external_customer_id: customer,
      corrected: {
        revision: 1,
        external_subscription_id: null,
        code: 'gauge',
        timestamp: EVENT_AT,
        received_at: NOW,
        precise_total_amount_cents: null,
        properties: { v: '7.50' },
      },
      replacement: {
        revision: 2,
        external_subscription_id: null,
        code: 'gauge',
        timestamp: EVENT_AT,
        received_at: NOW,
        precise_total_amount_cents: '12.5',
        properties: { v: '8', z: 1e21 },
      },
    },
  ])
  expect((await correct('amend', customer, 'e1', body)).text).toBe(first.text)
  const second = await correct('amend', customer, 'e1', { event: { properties: { v: 9 } } })
  expect([second.body.corrected.revision, second.body.replacement.revision]).toEqual([2, 3])
  // However late a retry comes, it changes nothing.
  expect((await correct('amend', customer, 'e1', body)).text).toBe(first.text)
  expect((await unitsOf(customer))['sum']).toBe('9')
  const voided = await correct('void', customer, 'e1')
  expect(voided.body).toMatchObject({ kind: 'void', corrected: { revision: 3 }, replacement: null })
  expect((await correct('void', customer, 'e1')).text).toBe(voided.text)
  expect((await correct('amend', customer, 'e1', body)).text).toBe(first.text)
  expect(await unitsOf(customer)).toEqual({})
  expect(await differences(customer)).toEqual([])
})

test('what cannot be corrected is refused with its reason', async () => {
  const customer = await customerWith(7)
  const codeOf = async (...asked: Parameters<typeof correct>) => {
    const { status, body } = await correct(...asked)
    return [status, body.code]
  }
  expect(await codeOf('void', customer, 'nothing')).toEqual([404, 'event_not_found'])
  expect(await codeOf('void', 'nobody', 'e1')).toEqual([404, 'event_not_found'])
  expect(await codeOf('void', customer, 'e1', { source: 'elsewhere' })).toEqual([404, 'event_not_found'])
  expect(await codeOf('amend', customer, 'e1', { event: { properties: { v: 7 } } })).toEqual([409, 'event_unchanged'])
  expect(await codeOf('void', customer, 'e1')).toEqual([201, undefined])
  expect(await codeOf('void', customer, 'e1', { reason: 'another one' })).toEqual([409, 'event_voided'])
  expect(await codeOf('amend', customer, 'e1', { event: { properties: { v: 8 } } })).toEqual([409, 'event_voided'])
  const stranger = await service.api.client()
  expect((await stranger.post('/events/e1/void', { external_customer_id: customer, reason: 'x' })).status).toBe(404)
})

test.each([
  [{ event: { transaction_id: 'other' } }, [['body', 'event', 'transaction_id', 'extra_forbidden']]],
  [{ event: { timestamp: null, code: '' } }, [['body', 'event', 'timestamp', 'timestamp']]],
  [
    { event: { timestamp: 'yesterday', properties: 5 } },
    [
      ['body', 'event', 'timestamp', 'timestamp'],
      ['body', 'event', 'properties', 'object_type'],
    ],
  ],
  [{ event: [] }, [['body', 'event', 'object_type']]],
  [{}, [['body', 'event', 'missing']]],
  [{ event: {}, reason: '' }, [['body', 'reason', expect.any(String)]]],
])('an amendment %j is refused, field by field', async (body, issues) => {
  const { status, body: answer } = await correct('amend', 'anybody', 'e1', body)
  expect(status).toBe(422)
  expect(answer.detail.map(({ loc, type }: { loc: string[]; type: string }) => [...loc, type])).toEqual(issues)
})

test('a key that only sends events corrects none', async () => {
  const { body } = await client.post('/api_keys', { name: 'collector', scopes: ['events:write'] })
  const collector = service.api.clientOf({ ...client, apiKey: body.secret ?? body.key })
  const answer = await collector.post('/events/e1/void', { external_customer_id: 'acme', reason: 'x' })
  expect([answer.status, answer.body.code]).toEqual([403, 'forbidden'])
})

// Several times, because two that meet in one unique index hardly ever meet in the other as well.
test.each([1, 2, 3, 4, 5])(
  'twenty at once, %i: the same correction is made once, and of different ones one',
  async () => {
    const customer = await customerWith(7)
    const same = await Promise.all(
      Array.from({ length: 20 }, () => correct('amend', customer, 'e1', { event: { properties: { v: 70 } } })),
    )
    expect(new Set(same.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(same[0]?.status).toBe(201)
    expect((await unitsOf(customer))['sum']).toBe('70')
    const different = await Promise.all(
      Array.from({ length: 20 }, (_, index) => correct('void', customer, 'e1', { reason: `reason ${index}` })),
    )
    expect(different.map(({ status }) => status).filter((status) => status !== 409)).toEqual([201])
    expect(await unitsOf(customer)).toEqual({})
    expect(await differences(customer)).toEqual([])
  },
)

test('what was sent stays a duplicate for ever, whatever became of it', async () => {
  const customer = await customerWith(7)
  await correct('void', customer, 'e1')
  await client.send([eventOf(customer, 'e1', 7, EVENT_AT)])
  expect(await unitsOf(customer)).toEqual({})
  const other = await customerWith(7)
  await correct('amend', other, 'e1', { event: { properties: { v: 9 } } })
  await client.send([eventOf(other, 'e1', 7, EVENT_AT), eventOf(other, 'e1', 11, EVENT_AT)])
  expect((await unitsOf(other))['sum']).toBe('9')
  const { body } = await client.get(`/events/unprocessed?external_customer_id=${other}`)
  expect(body.data).toMatchObject([{ transaction_id: 'e1', reason: 'duplicate_conflict' }])
})

test('what an event could not be counted for goes with it, and comes with what is amended', async () => {
  const customer = await customerWith('many')
  const reasons = async () => {
    const { body } = await client.get(`/events/unprocessed?external_customer_id=${customer}&limit=100`)
    return new Set(body.data.map(({ reason }: { reason: string }) => reason))
  }
  expect(await reasons()).toEqual(new Set(['value_not_a_number']))
  expect(await unitsOf(customer)).toEqual({ count: '1', unique_count: '1' })
  await correct('amend', customer, 'e1', { event: { properties: { v: 4 }, external_subscription_id: 'nowhere' } })
  expect(await reasons()).toEqual(new Set(['subscription_not_found']))
  expect(await unitsOf(customer)).toEqual({})
  await correct('amend', customer, 'e1', { event: { properties: {}, external_subscription_id: null } })
  expect(await reasons()).toEqual(new Set(['value_missing']))
  expect(await unitsOf(customer)).toEqual({ count: '1' })
  await correct('amend', customer, 'e1', { event: { code: 'nobody reads this' } })
  expect(await reasons()).toEqual(new Set(['metric_not_found']))
  expect(await unitsOf(customer)).toEqual({})
  await correct('amend', customer, 'e1', { event: { code: 'gauge', properties: { v: 3 } } })
  expect(await reasons()).toEqual(new Set())
  expect(await unitsOf(customer)).toMatchObject({ count: '1', sum: '3', max: '3', percentile: '3', custom: '6' })
})

test('events are corrected while those of the same customer pour in', async () => {
  const customer = await newCustomer()
  const at = (index: number) =>
    Temporal.Instant.from(EVENT_AT)
      .add({ seconds: 41 * (index % 300) })
      .toString()
  const pour = async (batch: number) => {
    const events = Array.from({ length: 100 }, (_, index) =>
      eventOf(customer, `p-${batch}-${index}`, (index * 7919) % 101, at(index)),
    )
    expect((await client.post('/events/batch', { events })).status).toBe(202)
  }
  await pour(0)
  await expect.poll(async () => (await client.get('/events/backlog')).body.queued_batches).toBe(0)
  const pouring = (async () => {
    for (let batch = 1; batch <= 20; batch += 1) await pour(batch)
  })()
  const statuses = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const voids = index % 2 === 0
      const event = { timestamp: at(index * 3), properties: { v: (index * 31) % 97 } }
      return (await correct(voids ? 'void' : 'amend', customer, `p-0-${index}`, voids ? {} : { event })).status
    }),
  )
  expect(new Set(statuses)).toEqual(new Set([201]))
  await pouring
  await expect.poll(async () => (await client.get('/events/backlog')).body.queued_batches, { timeout: 20_000 }).toBe(0)
  expect((await unitsOf(customer))['count']).toBe(String(21 * 100 - 50))
  expect(await differences(customer)).toEqual([])
}, 60_000)

test('a correction changes a draft when that is final, and running charges at once', async () => {
  const customer = await customerWith(7)
  const charged = () =>
    pool
      .query<{ units: string }>(
        `select trim_scale(units)::text as units from running_charges join customers using (customer_id)
       join price_components component on component.id = price_component_id join billable_metrics m on m.id = billable_metric_id
       where external_id = $1 and m.code = 'sum'`,
        [customer],
      )
      .then(({ rows }) => rows.map(({ units }) => units))
  await expect.poll(charged).toEqual(['7'])
  await correct('amend', customer, 'e1', { event: { properties: { v: 5 } } })
  await expect.poll(charged).toEqual(['5'])
  await client.advanceTo('2026-04-01T00:30:00Z')
  const invoice = async () => (await client.get(`/invoices?external_customer_id=${customer}`)).body.data[0]
  expect(await invoice()).toMatchObject({ status: 'draft' })
  await correct('void', customer, 'e1')
  await client.advanceTo('2026-04-01T01:00:00Z')
  expect(await invoice()).toMatchObject({ status: 'finalized', total_cents: 0 })
})

test('endpoints hear of a correction', async () => {
  const about = { url: 'https://example.com/hooks', event_types: ['event_correction.created'] }
  await client.create('/webhook_endpoints', about)
  const customer = await customerWith(7)
  const { body } = await correct('amend', customer, 'e1', { event: { timestamp: '2026-03-11T00:00:00Z' } })
  const messages = async () => (await client.get('/webhook_messages?type=event_correction.created')).body.data
  await expect.poll(messages, { timeout: 20_000 }).toHaveLength(1)
  const [message] = await messages()
  expect(message.payload).toMatchObject({
    type: 'event_correction.created',
    data: {
      event_correction_id: body.id,
      kind: 'amend',
      reason: 'wrong',
      transaction_id: 'e1',
      source: '',
      code: 'gauge',
      external_customer_id: customer,
      timestamp: EVENT_AT,
      replacement_timestamp: '2026-03-11T00:00:00Z',
    },
  })
})
