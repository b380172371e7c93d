import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClockedClient, startService, type TestService } from '../../support/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

const UUID = expect.stringMatching(/^[0-9a-f-]{36}$/)
const PERIOD = { period_start: '2026-01-01T00:00:00Z', period_end: '2026-02-01T00:00:00Z' }

/** An organization whose customer pays 2.00 for a large call and 1.00 for another; an event counts two metrics. */
async function opened(): Promise<ClockedClient> {
  const client = await service.client('2026-01-01T00:00:00Z')
  const calls = await client.create('/billable_metrics', { code: 'calls', name: 'Calls', aggregation: 'count' })
  const tokens = { code: 'tokens', name: 'Tokens', aggregation: 'sum', field_name: 'tokens', event_code: 'calls' }
  await client.create('/billable_metrics', tokens)
  const filter = await client.create('/billable_metrics/calls/filters', { key: 'model', values: ['large', 'small'] })
  const charge = {
    billable_metric_id: calls.id,
    charge_model: 'standard',
    properties: { amount: '1', pricing_group_keys: ['region'] },
    filters: [
      {
        billable_metric_filter_id: filter.id,
        values: ['large'],
        properties: { amount: '2', pricing_group_keys: ['region'] },
      },
    ],
  }
  await client.create('/plans/', { code: 'usage', name: 'Usage', interval: 'monthly', charges: [charge] })
  await client.create('/customers', { external_id: 'acme' })
  await client.create('/subscriptions', { external_customer_id: 'acme', plan_code: 'usage', external_id: 'acme-usage' })
  return client
}

const call = (id: string, properties: object, timestamp = '2026-01-10T00:00:00Z') => ({
  transaction_id: id,
  external_customer_id: 'acme',
  code: 'calls',
  timestamp,
  properties,
})
const explained = async (client: ClockedClient, id: string) =>
  (await client.get(`/events/${encodeURIComponent(id)}?external_customer_id=acme`)).body
const voided = (client: ClockedClient, id: string) =>
  client.post(`/events/${encodeURIComponent(id)}/void`, { external_customer_id: 'acme', reason: 'wrong' })

test('an event tells what it counts towards, in the running period, on its draft and on the final invoice', async () => {
  const client = await opened()
  await client.send([
    call('a/b 1', { model: 'large', region: 'eu', tokens: 1.5 }),
    call('2', { model: 'large', region: 'us' }),
  ])
  const running = await explained(client, 'a/b 1')
  expect(running).toEqual({
    transaction_id: 'a/b 1',
    source: '',
    external_customer_id: 'acme',
    status: 'live',
    revisions: [
      {
        revision: 1,
        status: 'live',
        correction: null,
        code: 'calls',
        external_subscription_id: null,
        timestamp: '2026-01-10T00:00:00Z',
        received_at: '2026-01-01T00:00:00Z',
        precise_total_amount_cents: null,
        properties: { model: 'large', region: 'eu', tokens: 1.5 },
      },
    ],
    counted_towards: [
      {
        billable_metric_code: 'calls',
        value: '1',
        dimensions: { model: 'large', region: 'eu' },
        charges: [
          {
            subscription_id: UUID,
            external_subscription_id: 'acme-usage',
            charge_id: UUID,
            charge_filter_id: UUID,
            grouped_by: { region: 'eu' },
            description: expect.stringContaining('region: eu'),
            ...PERIOD,
            invoice_id: null,
            lines: [],
          },
        ],
      },
      { billable_metric_code: 'tokens', value: '1.5', dimensions: {}, charges: [] },
    ],
    unprocessed: [],
  })
  expect(await explained(client, '2')).toMatchObject({
    counted_towards: [{ billable_metric_code: 'calls', dimensions: { region: 'us' } }],
    unprocessed: [{ billable_metric_code: 'tokens', reason: 'value_missing', details: { field: 'tokens' } }],
  })
  for (const [time, status] of [
    ['2026-02-01T00:30:00Z', 'draft'],
    ['2026-02-01T02:00:00Z', 'finalized'],
  ] as const) {
    await client.advanceTo(time)
    const invoice = (await client.get('/invoices')).body.data[0]
    const [charge] = (await explained(client, 'a/b 1')).counted_towards[0].charges
    const line = invoice.lines.find(
      ({ grouped_by }: { grouped_by: object }) => 'region' in grouped_by && grouped_by.region === 'eu',
    )
    expect(charge).toMatchObject({
      ...PERIOD,
      invoice_id: invoice.id,
      lines: [
        { id: line.id, kind: 'usage', document: 'invoice', document_id: invoice.id, number: invoice.number, status },
      ],
    })
  }
})

test('an event without a subscription, a metric or a place in any period says so', async () => {
  const client = await opened()
  await client.send([
    call('early', { model: 'large' }, '2025-12-31T23:59:59Z'),
    { ...call('elsewhere', {}), external_subscription_id: 'elsewhere' },
    { ...call('unread', {}), code: 'unread' },
  ])
  expect((await explained(client, 'early')).counted_towards).toMatchObject([
    { billable_metric_code: 'calls', charges: [] },
  ])
  expect(await explained(client, 'elsewhere')).toMatchObject({
    counted_towards: [{ billable_metric_code: 'calls', charges: [] }],
    unprocessed: expect.arrayContaining([expect.objectContaining({ reason: 'subscription_not_found' })]),
  })
  expect(await explained(client, 'unread')).toMatchObject({
    counted_towards: [],
    unprocessed: [{ billable_metric_code: null, reason: 'metric_not_found' }],
  })
  const missing = await client.get('/events/nothing?external_customer_id=acme')
  expect([missing.status, missing.body.code]).toEqual([404, 'event_not_found'])
  expect((await (await service.api.client()).get('/events/early?external_customer_id=acme')).status).toBe(404)
})

test('a history shows every row with its reason, in the list and alone', async () => {
  const client = await opened()
  await client.send([call('1', { tokens: 5 })])
  const amend = { external_customer_id: 'acme', reason: 'counted twice', event: { properties: { tokens: 4 } } }
  await client.post('/events/1/amend', amend)
  const live = await explained(client, '1')
  expect(live).toMatchObject({
    status: 'live',
    revisions: [
      {
        revision: 1,
        status: 'amended',
        correction: { kind: 'amend', reason: 'counted twice' },
        properties: { tokens: 5 },
      },
      { revision: 2, status: 'live', correction: null, properties: { tokens: 4 } },
    ],
  })
  expect(live.counted_towards).toMatchObject([
    { billable_metric_code: 'calls' },
    { billable_metric_code: 'tokens', value: '4' },
  ])
  await voided(client, '1')
  const gone = await explained(client, '1')
  expect(gone).toMatchObject({
    status: 'voided',
    counted_towards: [],
    revisions: [{}, { revision: 2, status: 'voided' }],
  })
  const { data } = (await client.get('/events?external_customer_id=acme')).body
  const rows = data.map(({ revision, status, correction, properties }: Record<string, never>) => ({
    revision,
    status,
    correction,
    properties,
  }))
  expect(rows).toHaveLength(2)
  expect(rows).toEqual(
    expect.arrayContaining(
      gone.revisions.map(({ revision, status, correction, properties }: Record<string, never>) => ({
        revision,
        status,
        correction,
        properties,
      })),
    ),
  )
})

test('a final invoice stays, and what is voided of it is credited by the next one', async () => {
  const client = await opened()
  await client.send([
    call('1', { model: 'large' }),
    call('2', { model: 'large' }),
    call('3', {}, '2026-02-10T00:00:00Z'),
  ])
  await client.send([call('4', {}, '2026-02-11T00:00:00Z'), call('5', {}, '2026-02-12T00:00:00Z')])
  await client.advanceTo('2026-02-15T00:00:00Z')
  const [january] = (await client.get('/invoices')).body.data
  await voided(client, '1')
  await client.advanceTo('2026-03-01T02:00:00Z')
  const { data } = (await client.get('/invoices')).body
  expect(data.map(({ total_cents }: { total_cents: number }) => total_cents)).toEqual([100, 400])
  expect(data[1]).toEqual(january)
  expect(data[0].lines).toMatchObject([
    { kind: 'usage', amount_cents: 300 },
    { kind: 'usage_credit', units: '-1', amount_cents: -200, corrects_invoice_id: january.id },
  ])
  const [{ charges }] = (await explained(client, '2')).counted_towards
  expect(charges[0].lines).toMatchObject([
    { kind: 'usage', document_id: january.id },
    { kind: 'usage_credit', document: 'invoice', document_id: data[0].id },
  ])
})

test('under the policy of notes an amendment of billed usage gets a credit note or a debit note', async () => {
  const client = await opened()
  await client.patch('/organization', { late_usage: 'note' })
  await client.send([call('1', { model: 'large' }), call('2', { model: 'large' })])
  await client.advanceTo('2026-02-02T00:00:00Z')
  const amend = (id: string, event: object) =>
    client.post(`/events/${id}/amend`, { external_customer_id: 'acme', reason: 'another model', event })
  await amend('1', { properties: { model: 'small' } })
  await client.advanceTo('2026-02-03T00:00:00Z')
  const { data: notes } = (await client.get('/credit_notes')).body
  expect(notes).toMatchObject([{ total_cents: 100 }])
  await amend('1', { properties: { model: 'large', region: 'eu' } })
  await client.advanceTo('2026-02-04T00:00:00Z')
  const { data: invoices } = (await client.get('/invoices')).body
  expect(invoices.map(({ kind, total_cents }: Record<string, never>) => [kind, total_cents])).toEqual([
    ['debit_note', 100],
    ['subscription_cycle', 400],
  ])
  const [{ charges }] = (await explained(client, '2')).counted_towards
  expect(charges[0].lines).toMatchObject([
    { kind: 'usage', document: 'invoice' },
    { kind: 'usage_credit', document: 'credit_note', document_id: notes[0].id },
  ])
})
