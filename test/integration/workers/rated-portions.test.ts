import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ClockedClient, startService, type TestService } from '../../support/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

interface Line {
  kind: string
  description: string
  charge_filter_id: string | null
  grouped_by: Record<string, string | null>
  units: string
  events_count: number
  amount: string
  amount_cents: number
  adjustments: { kind: string; amount: string }[]
}

interface SoldCharge {
  id: string
  filters: { id: string }[]
}

let sent = 0
function event(properties: object, about: object = {}) {
  sent += 1
  return {
    transaction_id: `portion-${sent}`,
    external_customer_id: 'acme',
    code: 'hours',
    timestamp: '2026-01-10T12:00:00Z',
    properties,
    ...about,
  }
}

/** A metric of hours by region and size, and a customer. */
async function scene(metric: object = { aggregation: 'sum', field_name: 'hours' }) {
  const client = await service.client('2026-01-01T00:00:00Z')
  const { id: metricId } = await client.create('/billable_metrics', { code: 'hours', name: 'Hours', ...metric })
  const filter = async (key: string, values: string[]): Promise<string> =>
    (await client.create('/billable_metrics/hours/filters', { key, values })).id
  await client.create('/customers', { external_id: 'acme' })
  return { client, metricId, region: await filter('region', ['eu', 'us']), size: await filter('size', ['s', 'l']) }
}

async function subscribe(client: ClockedClient, metricId: string, charge: object): Promise<string> {
  const charges = [{ billable_metric_id: metricId, ...charge }]
  await client.create('/plans/', { code: 'pro', name: 'Pro', interval: 'monthly', charges })
  const subscription = { external_customer_id: 'acme', plan_code: 'pro', external_id: 'one' }
  return (await client.create('/subscriptions', subscription)).id
}

async function usageLines(client: ClockedClient, subscription: string): Promise<Line[]> {
  const answer = await client.get(`/subscriptions/${subscription}/current_usage`)
  expect(answer.status).toBe(200)
  return answer.body.lines
}

async function invoiceLines(client: ClockedClient): Promise<Line[]> {
  await client.advanceTo('2026-02-02T00:00:00Z')
  return (await client.get('/invoices?status=finalized')).body.data[0].lines.filter(
    (line: Line) => line.kind !== 'plan_fee',
  )
}

function show(lines: readonly Line[]): string[] {
  return lines.map((line) => `${line.description}: ${line.units} → ${line.amount_cents}`)
}

describe('filters', () => {
  test('usage is priced by the entry that matches best, the rest by the charge; invoice and current usage agree', async () => {
    const { client, metricId, region, size } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'standard',
      properties: { amount: '1' },
      filters: [
        { billable_metric_filter_id: region, values: ['eu'], properties: { amount: '0.5' } },
        {
          billable_metric_filter_id: region,
          values: ['eu'],
          properties: { amount: '2' },
          invoice_display_name: 'Large in the EU',
          and: [{ billable_metric_filter_id: size, values: ['l'] }],
        },
        { billable_metric_filter_id: size, values: ['l', 's'], properties: {} },
      ],
    })
    await client.send([
      event({ hours: 3, region: 'eu' }),
      event({ hours: '0.5', region: 'eu', size: 'm' }),
      event({ hours: 10, region: 'eu', size: 'l' }),
      event({ hours: 7, region: 'us', size: 's' }),
      event({ hours: 1, region: 'mars' }),
      event({ hours: 4 }),
    ])
    const expected = [
      'Hours (region: eu): 3.5 → 175',
      'Large in the EU: 10 → 2000',
      'Hours (size: l or s): 7 → 700',
      'Hours: 5 → 500',
    ]
    expect(show(await usageLines(client, subscription))).toEqual(expected)
    const lines = await invoiceLines(client)
    expect(show(lines)).toEqual(expected)
    expect(lines.map(({ charge_filter_id }) => charge_filter_id === null)).toEqual([false, false, false, true])
  })

  test('of two entries with as many conditions the earlier one takes the usage', async () => {
    const { client, metricId, region, size } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'standard',
      properties: { amount: '1' },
      filters: [
        { billable_metric_filter_id: size, values: ['l'], properties: { amount: '5' } },
        { billable_metric_filter_id: region, properties: { amount: '3' } },
      ],
    })
    await client.send([event({ hours: 1, region: 'eu', size: 'l' }), event({ hours: 1, region: 'us' })])
    expect(show(await usageLines(client, subscription))).toEqual([
      'Hours (size: l): 1 → 500',
      'Hours (region: any): 1 → 300',
    ])
  })

  test('usage that was there before the filter is counted by it, and a bill waits for that', async () => {
    const { client, metricId, region } = await scene()
    await client.send([event({ hours: 3, region: 'eu' }), event({ hours: 4, region: 'us' })])
    const filters = [{ billable_metric_filter_id: region, values: ['eu'], properties: { amount: '10' } }]
    const charge = { charge_model: 'standard', properties: { amount: '1' }, filters }
    const subscription = await subscribe(client, metricId, charge)
    await client.send([event({ hours: 5, region: 'eu' })])
    const expected = ['Hours (region: eu): 8 → 8000', 'Hours: 4 → 400']
    await vi.waitFor(async () => expect(show(await usageLines(client, subscription))).toEqual(expected), 10_000)
    expect(show(await invoiceLines(client))).toEqual(expected)
  })
})

test('filters of a charge cost one subscription what it was promised, also when the plan has other prices by then', async () => {
  const { client, metricId, region, size } = await scene()
  const filters = [
    { billable_metric_filter_id: region, values: ['eu'], properties: { amount: '5' } },
    { billable_metric_filter_id: region, values: ['us'], properties: { amount: '7' }, invoice_display_name: 'US' },
    { billable_metric_filter_id: size, values: ['l'] },
  ]
  const charge = { billable_metric_id: metricId, charge_model: 'standard', properties: { amount: '1' }, filters }
  const plan = { code: 'pro', name: 'Pro', interval: 'monthly', charges: [charge] }
  const [sold] = (await client.create('/plans/', plan))['charges'] as unknown as SoldCharge[]
  const [eu, us] = sold?.filters ?? []
  const overridden = [
    { id: eu?.id, properties: { amount: '0.5' }, invoice_display_name: null },
    { id: us?.id, properties: {}, invoice_display_name: 'United States' },
  ]
  const price_overrides = { charges: [{ id: sold?.id, invoice_display_name: 'Compute', filters: overridden }] }
  await client.create('/customers', { external_id: 'list' })
  const own = { external_customer_id: 'acme', plan_code: 'pro', price_overrides }
  const { id } = await client.create('/subscriptions', own)
  const list = await client.create('/subscriptions', { external_customer_id: 'list', plan_code: 'pro' })
  const sellDearer = { charges: [{ ...charge, properties: { amount: '100' }, filters: [] }] }
  expect((await client.patch('/plans/pro', sellDearer)).status).toBe(200)
  const used = [{ region: 'eu' }, { region: 'us' }, { size: 'l' }, {}]
  await client.send(
    ['acme', 'list'].flatMap((external_customer_id) =>
      used.map((properties) => event({ hours: 10, ...properties }, { external_customer_id })),
    ),
  )
  const expected = [
    'Compute (region: eu): 10 → 500',
    'United States: 10 → 1000',
    'Compute (size: l): 10 → 1000',
    'Compute: 10 → 1000',
  ]
  expect(show(await usageLines(client, id))).toEqual(expected)
  const planned = ['Hours (region: eu): 10 → 5000', 'US: 10 → 7000', 'Hours (size: l): 10 → 1000', 'Hours: 10 → 1000']
  expect(show(await usageLines(client, list.id))).toEqual(planned)
  const projected = await client.get(`/subscriptions/${id}/projected_usage`)
  expect(projected.body.lines.map(({ description }: Line) => description)).toEqual(
    expected.map((line) => line.split(': 10')[0]),
  )
  await client.advanceTo('2026-02-02T00:00:00Z')
  const { body } = await client.get('/invoices?status=finalized&external_customer_id=acme')
  expect(show(body.data[0].lines.filter(({ kind }: Line) => kind === 'usage'))).toEqual(expected)
})

describe('groups', () => {
  test('each combination of values is priced by itself, tiers and free units beginning anew', async () => {
    const { client, metricId } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'package',
      properties: { amount: '3', package_size: 10, free_units: 5, pricing_group_keys: ['model', 'meta.tier'] },
    })
    await client.send([
      event({ hours: 6, model: 'a', meta: { tier: 1 } }),
      event({ hours: 6, model: 'a', meta: { tier: 2 } }),
      event({ hours: 20, model: 'b' }),
    ])
    const lines = await usageLines(client, subscription)
    expect(show(lines)).toEqual([
      'Hours (model: a, meta.tier: 1): 6 → 300',
      'Hours (model: a, meta.tier: 2): 6 → 300',
      'Hours (model: b, meta.tier: none): 20 → 600',
    ])
    expect(lines[2]?.grouped_by).toEqual({ model: 'b', 'meta.tier': null })
  })

  test('minimum and maximum hold for the charge as a whole', async () => {
    const { client, metricId } = await scene()
    const charge = { charge_model: 'standard', properties: { amount: '1', pricing_group_keys: ['region'] } }
    const subscription = await subscribe(client, metricId, { ...charge, max_amount_cents: 1000, min_amount_cents: 900 })
    await client.send([event({ hours: 3, region: 'eu' })])
    expect(show(await usageLines(client, subscription))).toEqual(['Hours (region: eu): 3 → 300'])
    await client.send([event({ hours: 4, region: 'us' })])
    const invoice = await invoiceLines(client)
    expect(show(invoice)).toEqual([
      'Hours (region: eu): 3 → 300',
      'Hours (region: us): 4 → 400',
      'Hours: up to the minimum: 1 → 200',
    ])
    expect(invoice[2]?.kind).toBe('minimum_spend')
    await client.send([
      event({ hours: 8, region: 'us' }, { timestamp: '2026-02-01T12:00:00Z' }),
      event({ hours: 5, region: 'eu' }, { timestamp: '2026-02-01T12:00:00Z' }),
    ])
    expect(show(await usageLines(client, subscription))).toEqual([
      'Hours (region: eu): 5 → 500',
      'Hours (region: us): 8 → 500',
    ])
  })

  test('a group that appears while the invoice is a draft gets its line, and the others keep their ids', async () => {
    const { client, metricId } = await scene()
    const properties = { amount: '1', pricing_group_keys: ['region'] }
    await subscribe(client, metricId, { charge_model: 'standard', properties })
    await client.send([event({ hours: 3, region: 'us' })])
    await client.advanceTo('2026-02-01T00:10:00Z')
    const [draft] = (await client.get('/invoices?status=draft')).body.data
    await client.send([event({ hours: 4, region: 'eu' })])
    const lines = await invoiceLines(client)
    expect(show(lines)).toEqual(['Hours (region: eu): 4 → 400', 'Hours (region: us): 3 → 300'])
    expect(lines[1]).toMatchObject({ id: draft.lines[0].id })
  })
})

describe('models that read single events', () => {
  test('a percentage with free events, bounds and a fixed amount', async () => {
    const { client, metricId } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'percentage',
      properties: { rate: '10', fixed_amount: '0.5', free_units_per_events: 1, per_transaction_max_amount: '5' },
    })
    await client.send([
      event({ hours: 1000 }, { timestamp: '2026-01-03T00:00:00Z' }),
      event({ hours: 10 }, { timestamp: '2026-01-04T00:00:00Z' }),
      event({ hours: 500 }, { timestamp: '2026-01-05T00:00:00Z' }),
      // Earlier than all others, so it is the free one.
      event({ hours: 20 }, { timestamp: '2026-01-02T00:00:00Z' }),
    ])
    const [line] = await usageLines(client, subscription)
    expect(line?.amount).toBe('11.5')
  })

  test('a dynamic price is the sum of what came with the events', async () => {
    const { client, metricId } = await scene()
    const charge = { charge_model: 'dynamic', properties: { pricing_group_keys: ['region'] } }
    const subscription = await subscribe(client, metricId, charge)
    await client.send([
      event({ hours: 2, region: 'eu' }, { precise_total_amount_cents: '10.1' }),
      event({ hours: 3, region: 'eu' }, { precise_total_amount_cents: 901.9 }),
      event({ hours: 3, region: 'us' }, { precise_total_amount_cents: '0.4' }),
      event({ hours: 1, region: 'us' }),
    ])
    const lines = await usageLines(client, subscription)
    expect(lines.map(({ units, amount }) => `${units} ${amount}`)).toEqual(['5 9.12', '4 0.004'])
    const listed = (await client.get('/events?external_customer_id=acme')).body.data
    expect(listed.map((one: Record<string, unknown>) => one['precise_total_amount_cents']).sort()).toEqual([
      '0.4',
      '10.1',
      '901.9',
      null,
    ])
  })

  test('an amount that is no decimal is refused by its field', async () => {
    const { client } = await scene()
    const answer = await client.post('/events', event({ hours: 1 }, { precise_total_amount_cents: '1e99' }))
    expect([answer.status, answer.body.detail[0].loc]).toEqual([422, ['body', 'precise_total_amount_cents']])
  })

  test('a custom expression sees events, units and its own constants', async () => {
    const { client, metricId } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'custom',
      properties: {
        expression: 'sum(value * properties.factor) + units * custom_properties.base',
        custom_properties: { base: '0.1' },
      },
    })
    await client.send([event({ hours: 2, factor: 3 }), event({ hours: 5, factor: '0.5' })])
    const [line] = await usageLines(client, subscription)
    expect([line?.units, line?.amount]).toEqual(['7', '9.2'])
  })

  test('a count of distinct items is priced by its changes', async () => {
    const { client, metricId } = await scene({ aggregation: 'unique_count', field_name: 'user' })
    const charge = { charge_model: 'percentage', properties: { rate: '100', fixed_amount: '1' } }
    const subscription = await subscribe(client, metricId, { ...charge, properties: { ...charge.properties } })
    await client.send([event({ user: 'a' }), event({ user: 'a' }), event({ user: 'b' })])
    const [line] = await usageLines(client, subscription)
    expect([line?.units, line?.amount]).toEqual(['2', '5'])
  })
})

describe('modifiers', () => {
  test('conversion, free units, pricing unit and discount apply in their order and are explained', async () => {
    const { client, metricId } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'standard',
      properties: { amount: '2' },
      unit_conversion: { operation: 'divide', factor: '60', rounding_mode: 'ceil' },
      free_units: '1',
      pricing_unit: { code: 'credits', conversion_rate: '0.5' },
      percentage_discount: '10',
    })
    await client.send([event({ hours: 150 })])
    const [line] = await usageLines(client, subscription)
    expect([line?.units, line?.amount, line?.adjustments]).toEqual([
      '150',
      '1.8',
      [
        { kind: 'conversion', amount: '-2' },
        { kind: 'percentage_discount', amount: '-0.2' },
      ],
    ])
  })

  test('a matrix prices by two properties, and what is not in it by the charge', async () => {
    const { client, metricId } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'standard',
      properties: { amount: '1' },
      matrix: {
        dimensions: ['region', 'size'],
        prices: [
          { values: ['eu', 'l'], amount: '4' },
          { values: ['us', 'l'], amount: '3' },
        ],
      },
    })
    await client.send([
      event({ hours: 1, region: 'eu', size: 'l' }),
      event({ hours: 2, region: 'us', size: 'l' }),
      event({ hours: 5, region: 'us', size: 's' }),
      event({ hours: 7 }),
    ])
    expect(show(await usageLines(client, subscription))).toEqual(['Hours: 15 → 2200'])
  })

  test.each(['day', 'minute'])('each %s is priced by itself, with what was committed for it', async (size) => {
    const { client, metricId } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'package',
      properties: { amount: '1', package_size: 10 },
      windows: { size, commitment: { amount: '2', overage_factor: '1.5' } },
    })
    await client.send([
      event({ hours: 5 }, { timestamp: '2026-01-10T12:00:01Z' }),
      event({ hours: 5 }, { timestamp: '2026-01-10T12:00:59Z' }),
      event({ hours: 35 }, { timestamp: '2026-01-11T00:00:00Z' }),
    ])
    // One package; and four, two of them beyond the commitment.
    expect(show(await usageLines(client, subscription))).toEqual(['Hours: 45 → 600'])
  })

  test('a window without usage costs its commitment once it has begun', async () => {
    const { client, metricId } = await scene()
    const subscription = await subscribe(client, metricId, {
      charge_model: 'standard',
      properties: { amount: '1' },
      windows: { size: 'week', commitment: { units: '10', true_up: true } },
    })
    expect(show(await usageLines(client, subscription))).toEqual(['Hours: 0 → 1000'])
    // January 2026 has days of five weeks.
    expect(show(await invoiceLines(client))).toEqual(['Hours: 0 → 5000'])
  })

  test('units of a recurring metric cost the part of the period in which they were held', async () => {
    const { client, metricId } = await scene({ aggregation: 'sum', field_name: 'hours', recurring: true })
    const charge = { charge_model: 'standard', properties: { amount: '31', pricing_group_keys: ['region'] } }
    await subscribe(client, metricId, { ...charge, prorated: true })
    await client.send([
      event({ hours: 2, region: 'eu' }, { timestamp: '2025-12-01T00:00:00Z', external_subscription_id: 'one' }),
      // From the 11th on: 21 of 31 days.
      event({ hours: 1, region: 'eu' }, { timestamp: '2026-01-11T23:00:00Z' }),
      event({ hours: 4, region: 'us' }, { timestamp: '2026-01-31T00:00:00Z' }),
    ])
    const held = await invoiceLines(client)
    expect(held.map(({ units, amount }) => `${Number(units).toFixed(4)} ${Number(amount)}`)).toEqual([
      '2.6774 83',
      '0.1290 4',
    ])
  })

  test('seats that come and go are charged by the days on which they were taken, by tier', async () => {
    const { client, metricId } = await scene({ aggregation: 'unique_count', field_name: 'seat', recurring: true })
    await subscribe(client, metricId, {
      charge_model: 'graduated',
      properties: {
        graduated_ranges: [
          { from_value: 0, to_value: 1, per_unit_amount: '31', flat_amount: '0' },
          { from_value: 1, to_value: null, per_unit_amount: '62', flat_amount: '5' },
        ],
      },
      prorated: true,
    })
    const seat = (name: string, day: string, about: object = {}) =>
      event({ seat: name, ...about }, { timestamp: `2026-01-${day}T10:00:00Z` })
    await client.send([
      seat('a', '01'),
      seat('b', '11'),
      seat('b', '20', { operation_type: 'remove' }),
      seat('a', '05'),
    ])
    // Seat a: 31 days at 1 a day; seat b: 10 days at 2 a day, and the fee of its tier.
    expect((await invoiceLines(client)).map(({ amount }) => amount)).toEqual(['56'])
  })
})
