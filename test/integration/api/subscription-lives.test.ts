import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type ClockedClient, startService, type TestService } from '../../support/service.ts'
import { expectVerified } from '../../support/tabkeeper.ts'

let service: TestService
let client: ClockedClient
let customers = 0

const SOON = { timeout: 15_000, interval: 50 }

beforeAll(async () => {
  service = await startService()
  client = await service.client('2026-03-10T00:00:00Z')
  const metric = { name: 'V', aggregation: 'sum', field_name: 'v', event_code: 'x' }
  const { id } = await client.create('/billable_metrics', { code: 'v', ...metric })
  await client.create('/billable_metrics', { code: 'held', ...metric, recurring: true })
  const charges = [{ billable_metric_id: id, charge_model: 'standard', properties: { amount: '1' } }]
  await client.create('/plans/', { code: 'p', name: 'P', interval: 'monthly', charges })
})
afterEach(() => expectVerified(service.api.config.databaseUrl))
afterAll(() => service.stop())

async function newCustomer(): Promise<string> {
  customers += 1
  await client.create('/customers', { external_id: `c-${customers}` })
  return `c-${customers}`
}

const subscribe = (customer: string, about: object) =>
  client.create('/subscriptions', {
    external_customer_id: customer,
    plan_code: 'p',
    external_id: `${customer}-s`,
    ...about,
  })

const cancel = (customer: string, about: object) => client.post(`/subscriptions/${customer}-s/cancel`, about)

/** Sends an event of one unit per time, which is its transaction id as well. */
const use = (customer: string, times: readonly string[], about: object = {}) =>
  client.send(
    times.map((timestamp) => ({
      transaction_id: timestamp,
      external_customer_id: customer,
      external_subscription_id: `${customer}-s`,
      code: 'x',
      timestamp,
      properties: { v: 1 },
      ...about,
    })),
  )

const listed = async (customer: string): Promise<string[]> => {
  const { body } = await client.get(`/events/unprocessed?limit=100&external_customer_id=${customer}`)
  const entries = body.data as { transaction_id: string; reason: string; details: object }[]
  return entries.map(({ transaction_id, reason }) => `${transaction_id} ${reason}`).toSorted()
}

const notRunning = (times: readonly string[]) => times.map((time) => `${time} subscription_not_running`)

const correct = (customer: string, id: string, kind: 'void' | 'amend', event?: object) =>
  client.post(`/events/${encodeURIComponent(id)}/${kind}`, { external_customer_id: customer, reason: 'wrong', event })

const unitsOf = async (customer: string) => {
  const { body } = await client.get(`/subscriptions/${customer}-s/current_usage`)
  return body.lines[0]?.units
}

test('an event before the start or from the end on is listed, half-open to the microsecond', async () => {
  const customer = await newCustomer()
  await subscribe(customer, { started_at: '2026-03-05T00:00:00Z', ended_at: '2026-03-20T00:00:00Z' })
  const outside = ['2026-03-04T23:59:59.999999Z', '2026-03-20T00:00:00Z']
  await use(customer, [...outside, '2026-03-05T00:00:00Z', '2026-03-19T23:59:59.999999Z'])
  expect(await listed(customer)).toEqual(notRunning(outside))
  expect(await unitsOf(customer)).toBe('2')
  const { body } = await client.get(
    `/events/unprocessed?reason=subscription_not_running&external_customer_id=${customer}`,
  )
  expect(body.data[0]).toMatchObject({
    billable_metric_code: null,
    details: { external_subscription_id: `${customer}-s` },
  })
})

test('usage from before its subscription is registered is settled where that runs, and gets the reason of now elsewhere', async () => {
  const customer = await newCustomer()
  await use(customer, ['2026-03-01T00:00:00Z', '2026-03-05T00:00:00Z', '2026-03-25T00:00:00Z'])
  expect((await listed(customer)).every((entry) => entry.endsWith('subscription_not_found'))).toBe(true)
  await subscribe(customer, { started_at: '2026-03-05T00:00:00Z', ended_at: '2026-03-20T00:00:00Z' })
  const outside = notRunning(['2026-03-01T00:00:00Z', '2026-03-25T00:00:00Z'])
  await expect.poll(() => listed(customer), SOON).toEqual(outside)
  // A resend is no other event.
  await use(customer, ['2026-03-01T00:00:00Z'])
  expect(await listed(customer)).toEqual(outside)
})

test('one that is entered later with an earlier start settles what it pays for', async () => {
  const customer = await newCustomer()
  await subscribe(customer, { started_at: '2026-03-09T00:00:00Z' })
  await use(customer, ['2026-03-02T00:00:00Z', '2026-03-04T00:00:00Z'])
  await cancel(customer, { at: 'now' })
  await expect.poll(() => statusOf(customer), SOON).toBe('cancelled')
  expect(await listed(customer)).toEqual(notRunning(['2026-03-02T00:00:00Z', '2026-03-04T00:00:00Z']))
  await subscribe(customer, { started_at: '2026-03-03T00:00:00Z' })
  await expect.poll(() => listed(customer), SOON).toEqual(notRunning(['2026-03-02T00:00:00Z']))
})

const statusOf = async (customer: string) => (await client.get(`/subscriptions/${customer}-s`)).body.status

test('an end lists what was counted for a time after it, and an earlier end what comes between', async () => {
  const customer = await newCustomer()
  const other = await newCustomer()
  await subscribe(customer, { started_at: '2026-03-01T00:00:00Z' })
  await subscribe(other, { started_at: '2026-03-01T00:00:00Z' })
  const times = ['2026-03-09T00:00:00Z', '2026-03-11T00:00:00Z', '2026-03-15T00:00:00Z', '2026-04-01T00:00:00Z']
  await use(customer, times)
  await use(other, times)
  await use(customer, ['2026-04-02T00:00:00Z'], { external_subscription_id: null })
  expect(await listed(customer)).toEqual([])
  const before = await countOf()
  expect((await cancel(customer, { at: 'period_end' })).status).toBe(200)
  await expect.poll(() => listed(customer), SOON).toEqual(notRunning(times.slice(3)))
  await cancel(customer, { ended_at: '2026-03-15T00:00:00Z' })
  await expect.poll(() => listed(customer), SOON).toEqual(notRunning(times.slice(2)))
  await cancel(customer, { at: 'now' })
  await expect.poll(() => listed(customer), SOON).toEqual(notRunning(times.slice(1)))
  expect([await listed(other), await countOf()]).toEqual([[], before + 3])
})

const countOf = async () => (await client.get('/events/unprocessed/counts?reason=subscription_not_running')).body.events

test('one that is cancelled before its start lists all that names it', async () => {
  const customer = await newCustomer()
  await subscribe(customer, { started_at: '2026-04-01T00:00:00Z' })
  const times = ['2026-04-01T00:00:00Z', '2026-04-02T00:00:00Z']
  await use(customer, times)
  expect(await listed(customer)).toEqual([])
  await cancel(customer, { at: 'now' })
  await expect.poll(() => listed(customer), SOON).toEqual(notRunning(times))
})

test('a correction that moves an event out of the life of its subscription lists it, and one back takes it off', async () => {
  const customer = await newCustomer()
  await subscribe(customer, { started_at: '2026-03-05T00:00:00Z' })
  const [inside, outside] = ['2026-03-06T00:00:00Z', '2026-03-04T00:00:00Z']
  await use(customer, [inside])
  expect((await correct(customer, inside, 'amend', { timestamp: outside })).status).toBe(201)
  expect([await listed(customer), await unitsOf(customer)]).toEqual([notRunning([inside]), '0'])
  expect((await correct(customer, inside, 'amend', { external_subscription_id: null })).status).toBe(201)
  expect(await listed(customer)).toEqual([])
  await correct(customer, inside, 'amend', { external_subscription_id: `${customer}-s` })
  expect(await listed(customer)).toEqual(notRunning([inside]))
  await correct(customer, inside, 'amend', { timestamp: inside })
  expect([await listed(customer), await unitsOf(customer)]).toEqual([[], '1'])
  await correct(customer, inside, 'amend', { timestamp: outside })
  await correct(customer, inside, 'void')
  expect(await listed(customer)).toEqual([])
})

test('what names only the customer and nobody pays for is shown with the subscription null', async () => {
  const customer = await newCustomer()
  await subscribe(customer, { started_at: '2026-03-05T00:00:00Z', ended_at: '2026-03-20T00:00:00Z' })
  const times = ['2026-03-04T00:00:00Z', '2026-03-06T00:00:00Z', '2026-03-20T00:00:00Z']
  await use(customer, times, { external_subscription_id: null })
  expect(await listed(customer)).toEqual([])
  const range = 'from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z&group_by=external_subscription_id'
  const { body } = await client.get(`/usage?billable_metric_code=v&external_customer_id=${customer}&${range}`)
  const units = body.data.map((row: Record<string, string>) => [row['external_subscription_id'], row['units']])
  expect(new Map(units)).toEqual(
    new Map([
      [null, '2'],
      [`${customer}-s`, '1'],
    ]),
  )
  const { body: explained } = await client.get(`/events/${times[2]}?external_customer_id=${customer}`)
  expect(explained.counted_towards).toEqual([expect.objectContaining({ charges: [] }), expect.anything()])
})
