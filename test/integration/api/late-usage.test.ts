import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
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

/** The credit notes in the order of their numbers, each with the number of what it names. */
async function creditNotes(client: ClockedClient): Promise<string[]> {
  const { body } = await client.get('/credit_notes?external_customer_id=acme')
  return (body.data as (Answered & { invoice_number: string })[])
    .map(({ number, invoice_number: named, total_cents: total, lines }) => {
      const amounts = lines.map((line) => `${line.units} = ${line.amount_cents}`)
      return `${number} of ${named}: ${total} (${amounts.join(', ')})`
    })
    .toSorted()
}

const PER_TOKEN = { charge_model: 'standard', properties: { amount: '1' } }
const voiding = { external_customer_id: 'acme', reason: 'a load test' }

test('a credit names the document that billed what is given back, and never more than that', async () => {
  const client = await afterJanuary(PER_TOKEN, { late_usage: 'note' })
  const first = sent
  await client.send([use(50, '2026-01-20T00:00:00Z')])
  await client.advanceTo('2026-02-01T04:00:00Z')
  await client.send([use(7, '2026-01-21T00:00:00Z')])
  await client.advanceTo('2026-02-01T06:00:00Z')
  expect((await bills(client)).map(({ number, total }) => [number, total])).toEqual([
    ['INV-000001', 9000],
    ['INV-000002', 5000],
    ['INV-000003', 700],
  ])
  expect((await client.post(`/events/t${first + 1}/void`, voiding)).status).toBe(201)
  await client.advanceTo('2026-02-01T08:00:00Z')
  const ofNotes = ['CN-000001 of INV-000003: 700 (-50 = -700)', 'CN-000002 of INV-000002: 4300 (0 = -4300)']
  expect(await creditNotes(client)).toEqual(ofNotes)
  for (const place of [0, 2]) {
    expect((await client.post(`/events/t${first + place}/void`, voiding)).status).toBe(201)
  }
  await client.advanceTo('2026-02-01T10:00:00Z')
  expect(await creditNotes(client)).toEqual([
    ...ofNotes,
    'CN-000003 of INV-000002: 700 (-97 = -700)',
    'CN-000004 of INV-000001: 9000 (0 = -9000)',
  ])
})

test('what an invoice cannot give back because it bore a credit is given back of the invoice that this was for', async () => {
  const client = await afterJanuary(PER_TOKEN)
  await client.send([use(40, '2026-02-05T00:00:00Z')])
  expect((await client.post(`/events/t${sent - 1}/void`, voiding)).status).toBe(201)
  await client.post('/subscriptions/acme-usage/cancel', { ended_at: '2026-02-10T00:00:00Z' })
  await client.advanceTo('2026-02-10T02:00:00Z')
  expect((await bills(client))[1]).toMatchObject({ total: 0, lines: ['usage 40 = 4000', 'usage_credit -90 = -4000'] })
  await client.advanceTo('2026-02-10T04:00:00Z')
  const rest = 'CN-000001 of INV-000001: 5000 (0 = -5000)'
  expect(await creditNotes(client)).toEqual([rest])
  expect((await client.post(`/events/t${sent}/void`, voiding)).status).toBe(201)
  await client.advanceTo('2026-02-10T06:00:00Z')
  expect(await creditNotes(client)).toEqual([rest, 'CN-000002 of INV-000001: 4000 (-40 = -4000)'])
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

test.each(['/organization', '/plans/usage'])(
  'late usage that waits for its invoice gets a note once %s says so',
  async (path) => {
    const client = await afterJanuary(GRADUATED)
    await client.send([use(30, '2026-01-20T00:00:00Z')])
    await client.advanceTo('2026-02-10T00:00:00Z')
    expect(await bills(client)).toHaveLength(1)
    expect((await client.patch(path, { late_usage: 'note' })).body.late_usage).toBe('note')
    await client.advanceTo('2026-02-10T01:00:00Z')
    expect((await bills(client)).slice(1)).toEqual([
      { kind: 'debit_note', number: 'INV-000002', total: 1200, lines: ['late_usage 30 = 1200'] },
    ])
  },
)

test('late usage that a plan kept from the notes of its organization gets one once the plan says nothing', async () => {
  const client = await afterJanuary(GRADUATED, { late_usage: 'next_invoice' })
  await client.patch('/organization', { late_usage: 'note' })
  await client.send([use(30, '2026-01-20T00:00:00Z')])
  await client.advanceTo('2026-02-10T00:00:00Z')
  expect(await bills(client)).toHaveLength(1)
  await client.patch('/plans/usage', { late_usage: null })
  await client.advanceTo('2026-02-10T01:00:00Z')
  expect((await bills(client)).at(-1)).toMatchObject({ kind: 'debit_note', total: 1200 })
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

test('with the policy refuse it is listed and not counted, until the policy has changed', async () => {
  const client = await afterJanuary(GRADUATED, { late_usage: 'refuse' })
  await client.send([use(30, '2026-01-20T00:00:07Z'), use(4, '2026-02-01T01:00:00Z')])
  const listed = async () => (await client.get('/events/unprocessed')).body.data
  const [entry] = await listed()
  expect(await listed()).toEqual([
    expect.objectContaining({
      reason: 'period_closed',
      billable_metric_code: 'tokens',
      timestamp: '2026-01-20T00:00:07Z',
    }),
  ])
  // Neither sums nor raw events know it.
  const usage = async (range: string) => {
    const { body } = await client.get(`/usage?billable_metric_code=tokens&external_customer_id=acme&${range}`)
    return body.data.map(({ units }: { units: string }) => units)
  }
  expect(await usage('from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z')).toEqual(['94'])
  expect(await usage('from=2026-01-20T00:00:01Z&to=2026-01-20T00:00:09Z')).toEqual([])
  expect((await client.get('/events?external_customer_id=acme')).body.data).toHaveLength(3)
  const retry = async () => {
    expect((await client.post(`/events/unprocessed/${entry.id}/retry`)).status).toBe(202)
  }
  await retry()
  await client.advanceTo('2026-03-01T02:00:00Z')
  expect(await listed()).toHaveLength(1)
  expect((await bills(client)).map(({ lines }) => lines)).toEqual([['usage 90 = 9000'], ['usage 4 = 400']])
  await client.patch('/plans/usage', { late_usage: 'next_invoice' })
  await retry()
  await vi.waitFor(async () => expect(await listed()).toEqual([]), { timeout: 20_000 })
  expect(await usage('from=2026-01-20T00:00:01Z&to=2026-01-20T00:00:09Z')).toEqual(['30'])
  await client.advanceTo('2026-04-01T02:00:00Z')
  expect((await bills(client)).at(-1)).toMatchObject({ lines: ['usage 0 = 0', 'late_usage 30 = 1200'] })
})

describe('where a customer has another subscription, whose period is open, the policy refuse', () => {
  /** January of the monthly subscription is closed; the yearly one runs since the day given. */
  async function withYearly(startedAt: string): Promise<ClockedClient> {
    const client = await service.client('2026-01-01T00:00:00Z')
    const { id } = await client.create('/billable_metrics', {
      code: 'tokens',
      name: 'Tokens',
      aggregation: 'sum',
      field_name: 'tokens',
    })
    await client.create('/customers', { external_id: 'acme' })
    for (const [code, charge] of [
      ['monthly', GRADUATED],
      ['yearly', VOLUME],
    ] as const) {
      const plan = { code, name: code, interval: code, charges: [{ billable_metric_id: id, ...charge }] }
      await client.create('/plans/', plan)
      const subscription = { external_customer_id: 'acme', plan_code: code, external_id: `acme-${code}` }
      const about = code === 'yearly' ? { started_at: startedAt, billing_time: 'anniversary' } : {}
      await client.create('/subscriptions', { ...subscription, ...about })
    }
    await client.patch('/organization', { late_usage: 'refuse' })
    await client.advanceTo('2026-02-01T02:00:00Z')
    await client.send([
      use(30, '2026-01-20T00:00:00Z'),
      use(7, '2026-01-12T00:00:00Z'),
      { ...use(5, '2026-01-21T00:00:00Z'), external_subscription_id: 'acme-monthly' },
      { ...use(3, '2026-01-22T00:00:00Z'), external_subscription_id: 'acme-yearly' },
    ])
    return client
  }

  async function refusedDays(client: ClockedClient): Promise<string[]> {
    const { data } = (await client.get('/events/unprocessed?reason=period_closed')).body
    return data.map(({ timestamp }: { timestamp: string }) => timestamp.slice(0, 10)).toSorted()
  }

  test('takes what that one pays for', async () => {
    const client = await withYearly('2025-12-20T00:00:00Z')
    expect(await refusedDays(client)).toEqual(['2026-01-21'])
    await client.advanceTo('2026-03-01T02:00:00Z')
    expect((await bills(client)).map(({ lines }) => lines)).toEqual([['usage 0 = 0'], ['usage 0 = 0']])
  })

  test('refuses what that one does not pay for', async () => {
    const client = await withYearly('2026-01-15T00:00:00Z')
    expect(await refusedDays(client)).toEqual(['2026-01-12', '2026-01-20', '2026-01-21'])
    await client.advanceTo('2026-03-01T02:00:00Z')
    expect((await bills(client)).map(({ lines }) => lines)).toEqual([['usage 0 = 0'], ['usage 0 = 0']])
  })
})

describe('of a recurring metric the policy refuse', () => {
  const seats = (units: number, timestamp: string, subscription = 'acme-seats') => ({
    ...use(0, timestamp),
    code: 'seats',
    external_subscription_id: subscription,
    properties: { seats: units },
  })

  /** A customer whose January is billed with 3 seats; each event feeds the metric `changes` too where a plan charges it. */
  async function afterJanuaryOfSeats(charged: readonly string[]): Promise<ClockedClient> {
    const client = await service.client('2026-01-01T00:00:00Z')
    const metric = { name: 'Seats', aggregation: 'sum', field_name: 'seats', event_code: 'seats' }
    await client.create('/billable_metrics', { ...metric, code: 'seats', recurring: true })
    await client.create('/billable_metrics', { ...metric, code: 'changes' })
    const charges = []
    for (const code of charged) {
      const { id } = (await client.get(`/billable_metrics/${code}`)).body
      charges.push({ billable_metric_id: id, charge_model: 'standard', properties: { amount: '1' } })
    }
    const plan = { code: 'seats', name: 'Seats', interval: 'monthly', late_usage: 'refuse', charges }
    await client.create('/plans/', plan)
    await client.create('/customers', { external_id: 'acme' })
    await subscribe(client)
    await client.send([seats(3, '2026-01-10T00:00:00Z')])
    await client.advanceTo('2026-02-01T02:00:00Z')
    return client
  }

  const subscribe = (client: ClockedClient, about: object = {}) => {
    const subscription = { external_customer_id: 'acme', plan_code: 'seats', external_id: 'acme-seats' }
    return client.create('/subscriptions', { ...subscription, ...about })
  }

  async function refusingMetrics(client: ClockedClient): Promise<string[]> {
    const { data } = (await client.get('/events/unprocessed?reason=period_closed')).body
    return data.map(({ billable_metric_code: code }: { billable_metric_code: string }) => code)
  }

  test('takes what later periods count, and bills nothing late for the closed one', async () => {
    const client = await afterJanuaryOfSeats(['seats', 'changes'])
    await client.send([seats(2, '2026-01-20T00:00:00Z')])
    expect(await refusingMetrics(client)).toEqual(['changes'])
    await client.advanceTo('2026-03-01T02:00:00Z')
    // February is closed as well by now; March is open.
    await client.send([seats(4, '2026-01-21T00:00:00Z')])
    await client.advanceTo('2026-04-01T02:00:00Z')
    expect((await bills(client)).map(({ lines }) => lines)).toEqual([
      ['usage 3 = 300', 'usage 3 = 300'],
      ['usage 5 = 500', 'usage 0 = 0'],
      ['usage 9 = 900', 'usage 0 = 0'],
    ])
  })

  test('takes corrections that later periods count', async () => {
    const client = await afterJanuaryOfSeats(['seats'])
    const correction = { external_customer_id: 'acme', reason: 'never used' }
    expect((await client.post(`/events/t${sent}/void`, correction)).status).toBe(201)
    await client.advanceTo('2026-03-01T02:00:00Z')
    expect((await bills(client)).map(({ lines }) => lines)).toEqual([['usage 3 = 300'], ['usage 0 = 0']])
    expect((await client.get('/credit_notes')).body.data).toEqual([])
  })

  test('takes nothing after an end, unless a later subscription takes over', async () => {
    const client = await afterJanuaryOfSeats(['seats'])
    await client.post('/subscriptions/acme-seats/cancel', { ended_at: '2026-02-10T00:00:00Z' })
    await client.advanceTo('2026-02-10T00:30:00Z')
    // The last period is a draft, and counts it.
    await client.send([seats(1, '2026-01-20T00:00:00Z')])
    expect(await refusingMetrics(client)).toEqual([])
    await client.advanceTo('2026-02-12T00:00:00Z')
    await client.send([seats(2, '2026-01-21T00:00:00Z')])
    expect(await refusingMetrics(client)).toEqual(['seats'])
    await subscribe(client)
    const unnamed = { ...seats(8, '2026-01-22T00:00:00Z'), external_subscription_id: null }
    await client.send([seats(5, '2026-01-22T00:00:00Z'), unnamed])
    // Only what names the subscription outlasts it.
    expect(await refusingMetrics(client)).toEqual(['seats', 'seats'])
    await client.advanceTo('2026-03-01T02:00:00Z')
    expect((await bills(client)).map(({ kind, lines }) => [kind, ...lines])).toEqual([
      ['subscription_cycle', 'usage 3 = 300'],
      ['subscription_cycle', 'usage 4 = 400'],
      ['subscription_cycle', 'usage 9 = 900'],
    ])
  })
})

test('a voided or amended event of a billed period is credited by the same policies', async () => {
  const client = await afterJanuary(GRADUATED)
  await client.send([use(30, '2026-01-20T00:00:00Z'), use(200, '2026-02-20T00:00:00Z')])
  await client.advanceTo('2026-03-01T02:00:00Z')
  const of = (place: number) => `/events/t${sent - 1 + place}`
  const correction = { external_customer_id: 'acme', reason: 'a load test' }
  expect((await client.post(`${of(0)}/void`, correction)).status).toBe(201)
  const amended = await client.post(`${of(1)}/amend`, { ...correction, event: { properties: { tokens: 80 } } })
  expect(amended.status).toBe(201)
  await client.send([use(60, '2026-03-02T00:00:00Z')])
  await client.advanceTo('2026-04-01T02:00:00Z')
  expect((await bills(client)).slice(1)).toMatchObject([
    { total: 12200, lines: ['usage 200 = 11000', 'late_usage 30 = 1200'] },
    { total: 1800, lines: ['usage 60 = 6000', 'usage_credit -30 = -1200', 'usage_credit -120 = -3000'] },
  ])
})

test('amending a refused event does not get it into a closed period', async () => {
  const client = await afterJanuary(GRADUATED, { late_usage: 'refuse' })
  await client.send([use(30, '2026-01-20T00:00:00Z')])
  const amendment = { external_customer_id: 'acme', reason: 'too few', event: { properties: { tokens: 40 } } }
  expect((await client.post(`/events/t${sent}/amend`, amendment)).status).toBe(201)
  const { data } = (await client.get('/events/unprocessed')).body
  expect(data.map(({ reason }: { reason: string }) => reason)).toEqual(['period_closed'])
  await client.advanceTo('2026-03-01T02:00:00Z')
  expect((await bills(client)).map(({ lines }) => lines)).toEqual([['usage 90 = 9000'], ['usage 0 = 0']])
})

test('under the policy refuse a correction that would change a closed period is refused, and changes nothing', async () => {
  const client = await afterJanuary(GRADUATED, { late_usage: 'refuse' })
  const billed = `t${sent}`
  await client.send([use(50, '2026-02-01T01:00:00Z')])
  const correct = async (id: string, kind: 'void' | 'amend', event?: object) => {
    const body = { external_customer_id: 'acme', reason: 'wrong', ...(event && { event }) }
    const answer = await client.post(`/events/${id}/${kind}`, body)
    return [answer.status, answer.body.code]
  }
  const refused = [409, 'period_closed']
  expect(await correct(billed, 'void')).toEqual(refused)
  expect(await correct(billed, 'amend', { properties: { tokens: 1 } })).toEqual(refused)
  expect(await correct(billed, 'amend', { timestamp: '2026-02-01T01:00:00Z' })).toEqual(refused)
  expect(await correct(`t${sent}`, 'amend', { timestamp: '2026-01-31T00:00:00Z' })).toEqual(refused)
  expect((await client.get('/events?external_customer_id=acme')).body.data).toHaveLength(2)
  expect(await correct(`t${sent}`, 'amend', { properties: { tokens: 7 } })).toEqual([201, undefined])
  await client.advanceTo('2026-03-01T02:00:00Z')
  expect((await bills(client)).map(({ lines }) => lines)).toEqual([['usage 90 = 9000'], ['usage 7 = 700']])
  // A code that no metric reads changes no period.
  await client.send([{ ...use(1, '2026-01-05T00:00:00Z'), code: 'unread' }])
  expect(await correct(`t${sent}`, 'void')).toEqual([201, undefined])
})
