import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { decimal, Exact } from '../../../shared/money/decimal.ts'
import { type ClockedClient, startService, type TestService } from '../../support/service.ts'
import { expectVerified } from '../../support/tabkeeper.ts'

let service: TestService
let client: ClockedClient

beforeAll(async () => {
  service = await startService()
})
afterEach(() => expectVerified(service.api.config.databaseUrl))
afterAll(() => service.stop())

/** An organization whose customer `c` may subscribe to one price each for levels that are fresh, held, and by window. */
async function openOrganization(now: string): Promise<void> {
  client = await service.client(now)
  const charges: object[] = []
  const charge = (id: string, about: object = {}) =>
    charges.push({ billable_metric_id: id, charge_model: 'standard', properties: { amount: '1' }, ...about })
  const level = { aggregation: 'weighted_sum', field_name: 'v', event_code: 'level' }
  charge((await client.create('/billable_metrics', { code: 'fresh', name: 'Fresh', ...level })).id)
  charge((await client.create('/billable_metrics', { code: 'held', name: 'Held', ...level, recurring: true })).id)
  const daily = await client.create('/billable_metrics', { code: 'daily', name: 'Daily', ...level })
  charge(daily.id, { windows: { size: 'day' } })
  const weekly = await client.create('/billable_metrics', { code: 'weekly', name: 'Weekly', ...level })
  charge(weekly.id, { windows: { size: 'week' } })
  await client.create('/plans/', { code: 'p', name: 'P', interval: 'monthly', charges })
  await client.create('/customers', { external_id: 'c', time_zone: 'UTC' })
}

const subscribe = (name: string, about: object) =>
  client.create('/subscriptions', { external_customer_id: 'c', plan_code: 'p', external_id: name, ...about })

/** Changes of a level: when, and by how much. */
const change = (subscription: string | null, changes: Readonly<Record<string, number>>) =>
  client.send(
    Object.entries(changes).map(([timestamp, v]) => ({
      transaction_id: `${subscription} ${timestamp}`,
      external_customer_id: 'c',
      ...(subscription === null ? {} : { external_subscription_id: subscription }),
      code: 'level',
      timestamp,
      properties: { v },
    })),
  )

async function unitsOf(subscription: string): Promise<Record<string, string>> {
  const { body } = await client.get(`/subscriptions/${subscription}/current_usage`)
  const lines = body.lines as { billable_metric_code: string; units: string }[]
  return Object.fromEntries(lines.map(({ billable_metric_code: code, units }) => [code, rounded(decimal(units))]))
}

const rounded = (units: Exact) => units.toDecimalPlaces(9).toFixed()
/** So many unit-days, as the mean over so many days. */
const mean = (unitDays: number, days: number): string => rounded(new Exact(unitDays).div(days))

test('a level that was there before the start is held from the start on, over the whole month, and a fresh one begins at zero', async () => {
  await openOrganization('2026-03-30T00:00:00Z')
  // Nobody had this name before.
  await subscribe('started', { started_at: '2026-03-21T00:00:00Z' })
  await change('started', { '2026-02-10T00:00:00Z': 4, '2026-03-15T00:00:00Z': 6 })
  await change('started', { '2026-03-26T00:00:00Z': -5 })
  expect(await unitsOf('started')).toMatchObject({ held: mean(10 * 11 - 5 * 6, 31), fresh: '0' })
  await change('started', { '2026-03-27T00:00:00Z': 9 })
  expect(await unitsOf('started')).toMatchObject({ held: mean(110 - 30 + 9 * 5, 31), fresh: mean(45 - 30, 31) })
})

test('what a subscription of the same name left is carried into the next one, changes between them included', async () => {
  await openOrganization('2026-03-30T00:00:00Z')
  await subscribe('kept', { started_at: '2026-03-01T00:00:00Z' })
  await change('kept', { '2026-03-05T00:00:00Z': 10 })
  await client.post('/subscriptions/kept/cancel', { at: 'now' })
  const isOver = async () => (await client.get('/subscriptions/kept')).body.status
  await expect.poll(isOver, { timeout: 15_000 }).toBe('cancelled')
  await client.advanceTo('2026-04-11T00:00:00Z')
  await change('kept', { '2026-04-06T00:00:00Z': 5 })
  const { body } = await client.get('/events/unprocessed')
  expect(body.data).toMatchObject([{ timestamp: '2026-04-06T00:00:00Z', reason: 'subscription_not_running' }])
  await subscribe('kept', { started_at: '2026-04-11T00:00:00Z' })
  expect(await unitsOf('kept')).toMatchObject({ held: mean(15 * 20, 30) })
})

test('a level that names only the customer is billed on who paid when it was set, to the end of that one and no further', async () => {
  await openOrganization('2026-04-11T00:00:00Z')
  await subscribe('older', { started_at: '2026-04-01T00:00:00Z', ended_at: '2026-04-16T00:00:00Z' })
  await subscribe('younger', { started_at: '2026-04-06T00:00:00Z' })
  await change(null, { '2026-03-20T00:00:00Z': 1, '2026-04-03T00:00:00Z': 10, '2026-04-21T00:00:00Z': 3 })
  expect([await unitsOf('older'), await unitsOf('younger')]).toMatchObject([
    { held: mean(10 * 13, 30), fresh: mean(130, 30) },
    { held: mean(3 * 10, 30), fresh: mean(30, 30) },
  ])
})

test('a window that a start or an end cuts is one of its whole length, as a month is', async () => {
  await openOrganization('2026-04-11T00:00:00Z')
  // A Tuesday at noon, to a Wednesday at six.
  const life = { started_at: '2026-04-07T12:00:00Z', ended_at: '2026-04-15T06:00:00Z' }
  await subscribe('cut', life)
  await change('cut', { '2026-04-07T12:00:00Z': 8, '2026-04-08T12:00:00Z': 6, '2026-04-15T03:00:00Z': 16 })
  // Each window begins at zero: half a day of 8 and of 6, and three hours of 16. Weeks end on Monday.
  const weeks = new Exact(8 * 5.5 + 6 * 4.5).div(7)
  const lastWeek = new Exact(16 * 3).div(168)
  expect(await unitsOf('cut')).toMatchObject({ daily: '9', weekly: rounded(weeks.plus(lastWeek)) })
})
