import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClockedClient, startService, type TestService } from '../../support/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

const UUID = expect.stringMatching(/^[0-9a-f-]{36}$/)
const GRADUATED = {
  charge_model: 'graduated',
  properties: {
    graduated_ranges: [
      { from_value: 0, to_value: 100, per_unit_amount: '1', flat_amount: '0' },
      { from_value: 100, to_value: null, per_unit_amount: '0.1', flat_amount: '0' },
    ],
  },
}
const VOLUME = {
  charge_model: 'volume',
  properties: { volume_ranges: GRADUATED.properties.graduated_ranges },
}

let sent = 0
const use = (tokens: number, timestamp: string) => {
  sent += 1
  const about = { external_customer_id: 'acme', code: 'tokens', timestamp }
  return { transaction_id: `t${sent}`, ...about, properties: { tokens } }
}

/** An organization whose customer has used 90 tokens in January, and whose invoice of January is final. */
async function afterJanuary(charge: object, plan: object = {}): Promise<ClockedClient> {
  const client = await service.client('2026-01-01T00:00:00Z')
  const metric = await client.create('/billable_metrics', {
    code: 'tokens',
    name: 'Tokens',
    aggregation: 'sum',
    field_name: 'tokens',
  })
  const charges = [{ billable_metric_id: metric.id, ...charge }]
  await client.create('/plans/', { code: 'usage', name: 'Usage', interval: 'monthly', charges, ...plan })
  await client.create('/customers', { external_id: 'acme' })
  await client.create('/subscriptions', { external_customer_id: 'acme', plan_code: 'usage', external_id: 'acme-usage' })
  await client.send([use(90, '2026-01-10T00:00:00Z')])
  await client.advanceTo('2026-02-01T02:00:00Z')
  return client
}

interface Answered {
  readonly kind: string
  readonly number: string
  readonly total_cents: number
  readonly lines: readonly { readonly kind: string; readonly units: string; readonly amount_cents: number }[]
}

/** The invoices in the order of their numbers. */
async function bills(client: ClockedClient) {
  const { body } = await client.get('/invoices?external_customer_id=acme')
  return (body.data as Answered[])
    .sort((one, other) => (one.number < other.number ? -1 : 1))
    .map(({ kind, number, total_cents: total, lines }) => ({
      kind,
      number,
      total,
      lines: lines.map((line) => `${line.kind} ${line.units} = ${line.amount_cents}`),
    }))
}

test('late usage is on the next invoice unless the organization says otherwise', async () => {
  const client = await afterJanuary(GRADUATED)
  expect((await client.get('/organization')).body.late_usage).toBe('next_invoice')
  await client.send([use(30, '2026-01-20T00:00:00Z')])
  await client.advanceTo('2026-03-01T02:00:00Z')
  expect(await bills(client)).toEqual([
    { kind: 'subscription_cycle', number: 'INV-000001', total: 9000, lines: ['usage 90 = 9000'] },
    {
      kind: 'subscription_cycle',
      number: 'INV-000002',
      total: 1200,
      lines: ['usage 0 = 0', 'late_usage 30 = 1200'],
    },
  ])
})

test('with the policy note it gets a debit note, which names its invoice', async () => {
  const client = await afterJanuary(GRADUATED)
  const patched = await client.patch('/organization', { late_usage: 'note' })
  expect(patched.body.late_usage).toBe('note')
  await client.send([use(20, '2026-01-20T00:00:00Z'), use(10, '2026-01-21T00:00:00Z')])
  await client.advanceTo('2026-02-01T02:30:00Z')
  expect(await bills(client)).toHaveLength(1)
  await client.advanceTo('2026-02-01T03:00:00Z')
  await client.send([use(10, '2026-01-22T00:00:00Z')])
  await client.advanceTo('2026-03-01T02:00:00Z')
  expect(await bills(client)).toEqual([
    { kind: 'subscription_cycle', number: 'INV-000001', total: 9000, lines: ['usage 90 = 9000'] },
    { kind: 'debit_note', number: 'INV-000002', total: 1200, lines: ['late_usage 30 = 1200'] },
    { kind: 'debit_note', number: 'INV-000003', total: 100, lines: ['late_usage 10 = 100'] },
    { kind: 'subscription_cycle', number: 'INV-000004', total: 0, lines: ['usage 0 = 0'] },
  ])
  const { data } = (await client.get('/invoices')).body
  const [january, first] = data.reverse()
  expect(first).toMatchObject({
    status: 'finalized',
    payment_status: 'pending',
    corrects_invoice_id: january.id,
    period_start: january.period_start,
    period_end: january.period_end,
    issued_at: '2026-02-01T03:00:00Z',
    lines: [{ corrects_invoice_id: january.id }],
  })
})

test('a period that has become cheaper gets a credit note, with a number and postings of its own', async () => {
  const client = await afterJanuary(VOLUME, { late_usage: 'note' })
  await client.create('/webhook_endpoints', { url: 'https://example.com/hooks', event_types: ['credit_note.issued'] })
  await client.send([use(20, '2026-01-20T00:00:00Z')])
  await client.advanceTo('2026-03-01T02:00:00Z')
  const [january] = (await client.get('/invoices')).body.data.reverse()
  const { data } = (await client.get(`/credit_notes?invoice_id=${january.id}&external_customer_id=acme`)).body
  expect(data).toEqual([
    {
      id: UUID,
      number: 'CN-000001',
      reason: 'late_usage',
      external_customer_id: 'acme',
      subscription_id: january.subscription_id,
      issuer_code: 'default',
      invoice_id: january.id,
      invoice_number: 'INV-000001',
      currency: 'USD',
      // 110 at 0.1 instead of 90 at 1.
      subtotal_cents: 7900,
      tax_cents: 0,
      total_cents: 7900,
      issued_at: '2026-02-01T03:00:00Z',
      created_at: expect.anything(),
      lines: [
        expect.objectContaining({
          id: UUID,
          kind: 'usage_credit',
          description: 'Tokens, 2026-01-01 to 2026-01-31',
          units: '20',
          amount: '-79',
          amount_cents: -7900,
          corrects_invoice_id: january.id,
          adjustments: [{ kind: 'billed_before', amount: '-90' }],
        }),
      ],
    },
  ])
  const [note] = data
  expect((await client.get(`/credit_notes/${note.id}`)).body).toEqual(note)
  const other = await service.client('2026-01-01T00:00:00Z')
  expect(await other.get(`/credit_notes/${note.id}`)).toMatchObject({
    status: 404,
    body: { code: 'credit_note_not_found' },
  })
  expect((await other.get('/credit_notes')).body.data).toEqual([])
  // What comes on top of it costs the difference to what is left.
  await client.send([use(10, '2026-01-21T00:00:00Z')])
  await client.advanceTo('2026-04-01T02:00:00Z')
  expect((await bills(client)).filter(({ kind }) => kind === 'debit_note')).toEqual([
    { kind: 'debit_note', number: expect.anything(), total: 100, lines: ['late_usage 10 = 100'] },
  ])
})

test('a plan overrides the organization, for running subscriptions as well', async () => {
  const client = await afterJanuary(GRADUATED)
  await client.patch('/organization', { late_usage: 'note' })
  const patched = await client.patch('/plans/usage', { late_usage: 'next_invoice' })
  expect(patched.body).toMatchObject({ late_usage: 'next_invoice', version: 1 })
  await client.send([use(30, '2026-01-20T00:00:00Z')])
  await client.advanceTo('2026-03-01T02:00:00Z')
  expect((await bills(client)).map(({ kind }) => kind)).toEqual(['subscription_cycle', 'subscription_cycle'])
  expect((await client.patch('/plans/usage', { late_usage: null })).body.late_usage).toBeNull()
  await client.send([use(10, '2026-01-21T00:00:00Z')])
  await client.advanceTo('2026-03-01T04:00:00Z')
  expect((await bills(client)).at(-1)).toMatchObject({ kind: 'debit_note', total: 100 })
  for (const path of ['/organization', '/plans/usage']) {
    const refused = await client.patch(path, { late_usage: 'never' })
    expect([refused.status, refused.body.code]).toEqual([422, 'validation_error'])
  }
})

test('a subscription that has ended has no next invoice, so it gets notes whatever the policy', async () => {
  const client = await afterJanuary(GRADUATED)
  const ended = await client.post('/subscriptions/acme-usage/cancel', { ended_at: '2026-02-10T00:00:00Z' })
  expect([ended.status, ended.text]).toEqual([200, expect.anything()])
  await client.advanceTo('2026-02-10T00:30:00Z')
  // Its last bill is a draft still, and bears what is late for January.
  await client.send([use(30, '2026-01-20T00:00:00Z'), use(4, '2026-02-05T00:00:00Z')])
  await client.advanceTo('2026-02-12T00:00:00Z')
  await client.send([use(10, '2026-01-21T00:00:00Z'), use(1, '2026-02-06T00:00:00Z')])
  await client.advanceTo('2026-02-20T00:00:00Z')
  expect((await bills(client)).slice(1)).toEqual([
    { kind: 'subscription_cycle', number: 'INV-000002', total: 1600, lines: ['usage 4 = 400', 'late_usage 30 = 1200'] },
    { kind: 'debit_note', number: 'INV-000003', total: 100, lines: ['late_usage 10 = 100'] },
    { kind: 'debit_note', number: 'INV-000004', total: 100, lines: ['late_usage 1 = 100'] },
  ])
})
