import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { METRICS } from '../../support/reference-metrics.ts'
import { type ClockedClient, startService, type TestService } from '../../support/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

const AT = '2026-01-10T12:00:00Z'
const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

function event(properties: object, about: object = {}) {
  return { external_customer_id: 'acme', code: 'hours', timestamp: AT, properties, ...about }
}

interface Fee {
  charge_id: string
  amount: string
  amount_cents: number
}

interface Line extends Fee {
  units: string
}

async function estimate(client: ClockedClient, supposed: object): Promise<ReturnType<typeof JSON.parse>> {
  const answer = await client.post('/events/estimate_fees', { event: supposed })
  expect([answer.status, answer.body.code]).toEqual([200, undefined])
  return answer.body
}

/** What every charge of the subscription costs so far. */
async function costs(client: ClockedClient, subscription = 'one'): Promise<Record<string, number>> {
  const lines: Line[] = (await client.get(`/subscriptions/${subscription}/current_usage`)).body.lines
  const sums: Record<string, number> = {}
  for (const { charge_id, amount_cents } of lines) sums[charge_id] = (sums[charge_id] ?? 0) + amount_cents
  return sums
}

let sent = 0

/** Estimates the event, sends it, and answers with the fees once current usage is seen to have moved by just them. */
async function estimateAndSend(client: ClockedClient, about: object, subscription = 'one') {
  const { fees } = await estimate(client, about)
  const before = await costs(client, subscription)
  expect((await estimate(client, about)).fees).toEqual(fees)
  sent += 1
  await client.send([{ transaction_id: `sent-${sent}`, ...about }])
  const after = await costs(client, subscription)
  const moved = Object.entries(after).map(([id, cents]) => [id, cents - (before[id] ?? 0)])
  const expected = Object.keys(after).map((id) => [
    id,
    fees.filter((fee: Fee) => fee.charge_id === id).reduce((sum: number, fee: Fee) => sum + fee.amount_cents, 0),
  ])
  expect(moved).toEqual(expected)
  return fees
}

/** A metric of hours, a customer `acme`, and its subscription `one` to a plan of one charge. */
async function scene(charge: object, metric: object = { aggregation: 'sum', field_name: 'hours' }) {
  const client = await service.client('2026-01-10T12:00:00Z')
  const { id } = await client.create('/billable_metrics', { code: 'hours', name: 'Hours', ...metric })
  await client.create('/customers', { external_id: 'acme' })
  await subscribe(client, 'one', [{ billable_metric_id: id, ...charge }])
  return client
}

async function subscribe(client: ClockedClient, externalId: string, charges: readonly object[], about: object = {}) {
  const plan = await client.create('/plans/', { code: externalId, name: 'P', interval: 'monthly', charges })
  const terms = { plan_code: externalId, external_id: externalId, started_at: '2026-01-01T00:00:00Z' }
  await client.create('/subscriptions', { external_customer_id: 'acme', ...terms, ...about })
  return plan
}

const TIERS = {
  charge_model: 'graduated',
  properties: {
    graduated_ranges: [
      { from_value: 0, to_value: 10, per_unit_amount: '1', flat_amount: '0' },
      { from_value: 11, to_value: null, per_unit_amount: '0.5', flat_amount: '3' },
    ],
  },
}

describe('a fee', () => {
  test('is what the event adds to its charge: a tier that it crosses counts from where the period stands', async () => {
    const client = await scene(TIERS)
    await estimateAndSend(client, event({ hours: 8 }))
    const answer = await estimate(client, event({ hours: '5.5' }))
    expect(answer).toEqual({
      fees: [
        {
          subscription_id: UUID,
          external_subscription_id: 'one',
          charge_id: UUID,
          charge_filter_id: null,
          grouped_by: {},
          description: 'Hours',
          billable_metric_code: 'hours',
          charge_model: 'graduated',
          currency: 'USD',
          period_start: '2026-01-01T00:00:00Z',
          period_end: '2026-02-01T00:00:00Z',
          invoice_id: null,
          units: '5.5',
          // Two more at 1, 3 for entering the second tier, 3.5 at 0.5.
          unit_amount: '1.22727272727272727272727272727',
          amount: '6.75',
          amount_cents: 675,
          before: { units: '8', amount: '8', amount_cents: 800 },
          after: { units: '13.5', amount: '14.75', amount_cents: 1475 },
        },
      ],
      unusable: [],
      rebuilding: null,
    })
    expect(await estimateAndSend(client, event({ hours: '5.5' }))).toEqual(answer.fees)
    expect(await estimateAndSend(client, event({ hours: 2 }))).toMatchObject([{ units: '2', amount_cents: 100 }])
  })

  test('is below zero where more units reach a cheaper volume, and nothing is stored by asking', async () => {
    const volume_ranges = [
      { from_value: 0, to_value: 10, per_unit_amount: '1', flat_amount: '0' },
      { from_value: 11, to_value: null, per_unit_amount: '0.1', flat_amount: '0' },
    ]
    const client = await scene({ charge_model: 'volume', properties: { volume_ranges } })
    await estimateAndSend(client, event({ hours: 10 }))
    const fees = await estimate(client, event({ hours: 10 }))
    expect(fees.fees).toMatchObject([{ units: '10', amount: '-8', amount_cents: -800 }])
    expect((await client.get('/events?external_customer_id=acme')).body.data).toHaveLength(1)
    expect((await client.get('/events/unprocessed')).body.data).toEqual([])
    await estimateAndSend(client, event({ hours: 10 }))
  })

  test('of an item that was seen already is nothing', async () => {
    const charge = { charge_model: 'standard', properties: { amount: '2' } }
    const client = await scene(charge, { aggregation: 'unique_count', field_name: 'user' })
    expect(await estimateAndSend(client, event({ user: 'ann' }))).toMatchObject([{ units: '1', amount_cents: 200 }])
    expect(await estimateAndSend(client, event({ user: 'ann' }))).toMatchObject([{ units: '0', amount_cents: 0 }])
    const removal = event({ user: 'ann', operation_type: 'remove' })
    expect(await estimateAndSend(client, removal)).toMatchObject([{ units: '-1', amount_cents: -200 }])
  })

  test('is that of the filter and the group which the event belongs to', async () => {
    const client = await service.client('2026-01-10T12:00:00Z')
    const sum = { aggregation: 'sum', field_name: 'hours' }
    const { id } = await client.create('/billable_metrics', { code: 'hours', name: 'Hours', ...sum })
    const filter = await client.create('/billable_metrics/hours/filters', { key: 'region', values: ['eu', 'us'] })
    await client.create('/customers', { external_id: 'acme' })
    const plan = await subscribe(client, 'one', [
      {
        billable_metric_id: id,
        charge_model: 'standard',
        properties: { amount: '1', pricing_group_keys: ['team'] },
        max_amount_cents: 1000,
        filters: [
          {
            billable_metric_filter_id: filter.id,
            values: ['eu'],
            properties: { amount: '3' },
            invoice_display_name: 'Europe',
          },
        ],
      },
    ])
    const [{ id: filterId }] = plan.charges[0].filters
    expect(await estimateAndSend(client, event({ hours: 2, region: 'eu' }))).toMatchObject([
      { charge_filter_id: filterId, grouped_by: {}, description: 'Europe', amount_cents: 600 },
    ])
    expect(await estimateAndSend(client, event({ hours: 3, region: 'us', team: 'a' }))).toMatchObject([
      { charge_filter_id: null, grouped_by: { team: 'a' }, description: 'Hours (team: a)', amount_cents: 300 },
    ])
    // The maximum is one for all portions.
    expect(await estimateAndSend(client, event({ hours: 3 }))).toMatchObject([
      { grouped_by: { team: null }, units: '3', amount: '1', amount_cents: 100 },
    ])
  })

  test('of a dynamic charge is the price that comes with the event', async () => {
    const client = await scene({ charge_model: 'dynamic', properties: {} })
    const priced = event({ hours: 2 }, { precise_total_amount_cents: '10.4' })
    expect(await estimateAndSend(client, priced)).toMatchObject([{ amount: '0.104', amount_cents: 10 }])
    // 20.8 cents in all.
    expect(await estimateAndSend(client, priced)).toMatchObject([{ amount: '0.104', amount_cents: 11 }])
  })

  test('is asked for by window where the charge is priced by window', async () => {
    const client = await scene({ ...TIERS, windows: { size: 'day' } })
    expect(await estimateAndSend(client, event({ hours: 9 }))).toMatchObject([{ amount_cents: 900 }])
    const yesterday = event({ hours: 9 }, { timestamp: '2026-01-09T12:00:00Z' })
    expect(await estimateAndSend(client, yesterday)).toMatchObject([{ amount_cents: 900 }])
    expect(await estimateAndSend(client, event({ hours: 9 }))).toMatchObject([{ amount_cents: 100 + 300 + 400 }])
  })

  test('of any aggregation is by how much current usage moves, carried over or not, late or early', async () => {
    const client = await service.client('2026-01-10T12:00:00Z')
    await client.create('/customers', { external_id: 'acme' })
    const charges = []
    for (const { code, about } of METRICS) {
      const { id } = await client.create('/billable_metrics', { code, name: code, event_code: 'gauge', ...about })
      charges.push({ billable_metric_id: id, ...TIERS })
    }
    await subscribe(client, 'one', charges)
    const gauges = [
      [{ v: 4, w: 2, item: 'a' }, AT],
      [{ v: '9.5', w: 3, item: 'b' }, '2026-01-05T00:00:00Z'],
      [{ v: 7, w: 1, item: 'a' }, '2026-01-03T07:08:09.123456Z'],
      [{ v: -2, w: 4, item: 'b', operation_type: 'remove' }, AT],
      [{ v: 30, w: 1, item: 'c' }, '2026-01-20T00:00:00Z'],
      // Before the subscription: only what is carried over counts it.
      [{ v: 6, w: 5, item: 'd' }, '2025-12-20T00:00:00Z'],
    ] as const
    const counted = []
    for (const [properties, timestamp] of gauges) {
      const fees = await estimateAndSend(client, event(properties, { code: 'gauge', timestamp }))
      counted.push(fees.length)
    }
    // Usage before a subscription's start is nobody's, also where it recurs, unless it names the subscription.
    expect(counted).toEqual([METRICS.length, METRICS.length, METRICS.length, METRICS.length, METRICS.length, 0])
    const named = { code: 'gauge', timestamp: '2025-12-20T00:00:00Z', external_subscription_id: 'one' }
    const carried = METRICS.filter(({ code }) => code.startsWith('r_')).map(({ code }) => code)
    const fees = await estimateAndSend(client, event({ v: 6, w: 5, item: 'd' }, named))
    expect(fees.map((fee: { billable_metric_code: string }) => fee.billable_metric_code)).toEqual(carried)
  })
})

describe('who pays', () => {
  test('is the subscription that is named, else the one that would pay; each with its own prices', async () => {
    const client = await scene({ charge_model: 'standard', properties: { amount: '1' } })
    const { id } = (await client.get('/billable_metrics/hours')).body
    const dear = [{ billable_metric_id: id, charge_model: 'standard', properties: { amount: '5' } }]
    await subscribe(client, 'two', dear, { started_at: '2026-01-02T00:00:00Z' })
    expect(await estimateAndSend(client, event({ hours: 1 }))).toMatchObject([
      { external_subscription_id: 'one', amount_cents: 100 },
    ])
    const named = event({ hours: 1 }, { external_subscription_id: 'two' })
    expect(await estimateAndSend(client, named, 'two')).toMatchObject([
      { external_subscription_id: 'two', amount_cents: 500 },
    ])
  })

  test('is nobody where no charge counts the event', async () => {
    const client = await scene({ charge_model: 'standard', properties: { amount: '1' } })
    await client.create('/billable_metrics', { code: 'free', name: 'Free', aggregation: 'count' })
    expect(await estimate(client, event({}, { code: 'free' }))).toMatchObject({ fees: [], unusable: [] })
    expect((await estimate(client, event({ hours: 1 }, { timestamp: '2025-12-31T23:59:59Z' }))).fees).toEqual([])
  })

  test('is the draft of a period that is over, the period to come of a later event, and nobody once it is final', async () => {
    const client = await scene({ charge_model: 'standard', properties: { amount: '1' } })
    await client.advanceTo('2026-02-01T00:30:00Z')
    const [draft] = (await client.get('/invoices?status=draft')).body.data
    const late = event({ hours: 2 }, { transaction_id: 'late' })
    expect((await estimate(client, late)).fees).toMatchObject([
      { invoice_id: draft.id, period_end: '2026-02-01T00:00:00Z', amount_cents: 200 },
    ])
    const early = event({ hours: 2 }, { timestamp: '2026-03-01T00:00:00Z' })
    expect((await estimate(client, early)).fees).toMatchObject([
      { invoice_id: null, period_start: '2026-03-01T00:00:00Z', period_end: '2026-04-01T00:00:00Z', amount_cents: 200 },
    ])
    await client.send([late])
    await client.advanceTo('2026-02-02T00:00:00Z')
    expect((await client.get(`/invoices/${draft.id}`)).body).toMatchObject({ status: 'finalized', total_cents: 200 })
    expect((await estimate(client, late)).fees).toEqual([])
  })
})

describe('what cannot be estimated', () => {
  test('is refused, naming the field or what is unknown', async () => {
    const client = await scene({ charge_model: 'standard', properties: { amount: '1' } })
    const about = { aggregation: 'sum', event_code: 'ratio', expression: 'event.properties.v / event.properties.w' }
    await client.create('/billable_metrics', { code: 'ratio', name: 'Ratio', ...about })
    const faults: [object, number, string][] = [
      [{}, 422, 'body.event missing'],
      [{ event: [] }, 422, 'body.event object_type'],
      [{ event: event({ hours: 1 }), events: [] }, 422, 'body.events extra_forbidden'],
      [{ event: { code: 'hours' } }, 422, 'body.event.external_customer_id missing'],
      [{ event: event({ hours: 1 }, { timestamp: 'now' }) }, 422, 'body.event.timestamp timestamp'],
      [{ event: event({ hours: 1 }, { amount: 1 }) }, 422, 'body.event.amount extra_forbidden'],
      [{ event: event({}) }, 422, 'body.event.properties.hours value_missing'],
      [{ event: event({ hours: 'many' }) }, 422, 'body.event.properties.hours value_not_a_number'],
      [{ event: event({ v: 1 }, { code: 'ratio' }) }, 422, 'body.event.properties.w value_missing'],
      [{ event: event({ v: 1, w: 0 }, { code: 'ratio' }) }, 422, 'body.event expression_failed'],
      [{ event: event({ hours: 1 }, { external_customer_id: 'nobody' }) }, 404, 'customer_not_found'],
      [{ event: event({ hours: 1 }, { external_subscription_id: 'none' }) }, 404, 'subscription_not_found'],
      [{ event: event({ hours: 1 }, { code: 'none' }) }, 404, 'billable_metric_not_found'],
    ]
    for (const [body, status, fault] of faults) {
      const answer = await client.post('/events/estimate_fees', body)
      const [issue] = Array.isArray(answer.body.detail) ? answer.body.detail : []
      const named = issue === undefined ? answer.body.code : `${issue.loc.join('.')} ${issue.type}`
      expect([answer.status, named]).toEqual([status, fault])
    }
  })

  test('is named beside the fees where other metrics of the code count the event', async () => {
    const client = await scene({ charge_model: 'standard', properties: { amount: '1' } })
    const tokens = { code: 'tokens', name: 'Tokens', aggregation: 'sum', field_name: 'usage.tokens' }
    await client.create('/billable_metrics', { ...tokens, event_code: 'hours' })
    expect(await estimate(client, event({ hours: 1 }))).toMatchObject({
      fees: [{ amount_cents: 100 }],
      unusable: [{ billable_metric_code: 'tokens', reason: 'value_missing', details: { field: 'usage.tokens' } }],
    })
  })

  test('another organization knows neither the customer nor the subscription', async () => {
    await scene({ charge_model: 'standard', properties: { amount: '1' } })
    const other = await service.client('2026-01-10T12:00:00Z')
    const answer = await other.post('/events/estimate_fees', { event: event({ hours: 1 }) })
    expect([answer.status, answer.body.code]).toEqual([404, 'customer_not_found'])
  })
})

test('a key of one customer estimates and sees the usage of its own subscriptions, and of no others', async () => {
  const client = await scene({ charge_model: 'standard', properties: { amount: '1' } })
  await client.create('/customers', { external_id: 'other' })
  await client.create('/subscriptions', { external_customer_id: 'other', plan_code: 'one', external_id: 'theirs' })
  const fields = { name: 'K', scopes: ['read'], external_customer_id: 'acme' }
  const { key } = await client.create('/api_keys', fields)
  const own = service.api.clientOf({
    organizationId: client.organizationId,
    apiKey: key,
    operatorPassword: undefined,
  })
  for (const view of ['current_usage', 'projected_usage', 'past_usage']) {
    expect([view, (await own.get(`/subscriptions/one/${view}`)).status]).toEqual([view, 200])
    const refused = await own.get(`/subscriptions/theirs/${view}`)
    expect([refused.status, refused.body.code]).toEqual([404, 'subscription_not_found'])
    const unknown = await own.get(`/subscriptions/nothing/${view}`)
    expect(unknown.body.detail.replace('nothing', 'theirs')).toBe(refused.body.detail)
  }
  const { fees } = (await own.post('/events/estimate_fees', { event: event({ hours: 1 }) })).body
  expect(fees).toMatchObject([{ external_subscription_id: 'one', amount_cents: 100 }])
  const foreign = event({ hours: 1 }, { external_customer_id: 'other' })
  const refused = await own.post('/events/estimate_fees', { event: foreign })
  expect([refused.status, refused.body.code]).toEqual([403, 'forbidden'])
  expect((await own.get('/subscriptions/one')).status).toBe(403)
})
