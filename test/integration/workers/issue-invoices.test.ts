import { pino } from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { listDueSubscriptions } from '../../../db/billing/due-work.ts'
import type { Invoice } from '../../../db/invoices/invoices.ts'
import { cancelSubscription } from '../../../db/subscriptions/cancel-subscription.ts'
import { eachOrBisect } from '../../../workers/each-or-bisect.ts'
import { issueBills } from '../../../workers/issue-invoices/issue-bills.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

let fixture: BillingFixture
afterEach(() => fixture.close())

const GRADUATED = {
  chargeModel: 'graduated' as const,
  properties: {
    graduated_ranges: [
      { from_value: 0, to_value: 1000, per_unit_amount: '0.01', flat_amount: '1' },
      { from_value: 1000, to_value: null, per_unit_amount: '0.005', flat_amount: '0' },
    ],
  },
}

function summary({ kind, status, number, periodStart, periodEnd, totalMinor, lines }: Invoice) {
  return {
    kind,
    status,
    number,
    period: `${periodStart} – ${periodEnd}`,
    total: totalMinor,
    lines: lines.map((line) => `${line.description}: ${Number(line.units)} = ${line.amountMinor}`),
  }
}

async function summaries(externalCustomerId: string) {
  return (await fixture.invoices(externalCustomerId)).map(summary)
}

test('a month is billed when it is over: the fee by its days, the usage by its tiers', async () => {
  fixture = await createBillingFixture('2026-01-15T10:00:00Z')
  await fixture.plan({ code: 'pro', amountMinor: 3100n }, [GRADUATED])
  await fixture.customer('acme')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro' })
  await fixture.use('acme', 400, '2026-01-15T10:05:00Z')
  await fixture.use('acme', 999, '2026-01-15T09:59:59Z')
  await fixture.use('acme', 1600, '2026-01-31T23:59:59Z')
  await fixture.use('acme', 7, '2026-02-01T00:00:00Z')
  await fixture.advanceTo('2026-03-01T02:00:00Z')
  expect(await summaries('acme')).toEqual([
    {
      kind: 'subscription_cycle',
      status: 'finalized',
      number: 'INV-000001',
      period: '2026-01-15T10:00:00Z – 2026-02-01T00:00:00Z',
      // 17 of 31 days; 1,000 × 0.01 + 1 flat + 1,000 × 0.005. What was used before the start is not billed.
      total: '3300',
      lines: ['pro: 1 = 1700', 'Tokens: 2000 = 1600'],
    },
    {
      kind: 'subscription_cycle',
      status: 'finalized',
      number: 'INV-000002',
      period: '2026-02-01T00:00:00Z – 2026-03-01T00:00:00Z',
      total: '3207',
      lines: ['pro: 1 = 3100', 'Tokens: 7 = 107'],
    },
  ])
})

test('a draft takes in what arrives during its grace period, and nothing after it', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'usage' }, [{ chargeModel: 'standard', properties: { amount: '0.5' } }])
  await fixture.customer('acme')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'usage' })
  await fixture.use('acme', 10, '2026-01-10T00:00:00Z')
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  expect(await summaries('acme')).toMatchObject([{ status: 'draft', number: null, total: '500' }])
  await fixture.use('acme', 2, '2026-01-31T23:00:00Z')
  await fixture.advanceTo('2026-02-01T01:00:00Z')
  expect(await summaries('acme')).toMatchObject([{ status: 'finalized', total: '600', lines: ['Tokens: 12 = 600'] }])
  await fixture.use('acme', 5, '2026-01-31T23:30:00Z')
  await fixture.advanceTo('2026-02-02T00:00:00Z')
  expect(await summaries('acme')).toMatchObject([{ status: 'finalized', total: '600' }])
  const [invoice] = await fixture.invoices('acme')
  expect([invoice?.issuedAt, invoice?.finalizedAt].map(String)).toEqual([
    '2026-02-01T00:00:00Z',
    '2026-02-01T01:00:00Z',
  ])
})

test('a finalized invoice, its lines and its ledger postings cannot be changed, not even by their owner', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  await fixture.customer('acme')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'fee' })
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  for (const statement of [
    'update invoices set total_minor = 1, subtotal_minor = 1',
    'update invoices set number = null',
    'delete from invoices',
    'update invoice_lines set amount_minor = 1',
    'delete from invoice_lines',
    'insert into invoice_lines select * from invoice_lines',
    'update ledger_postings set amount_minor = 1',
    'delete from ledger_postings',
  ]) {
    await expect(fixture.pool.query(statement), statement).rejects.toMatchObject({ code: '23000' })
  }
  const { rows } = await fixture.pool.query(
    `select debit.kind as debit, credit.kind as credit, amount_minor, reason from ledger_postings
     join ledger_accounts debit on debit.id = debit_account_id join ledger_accounts credit on credit.id = credit_account_id`,
  )
  expect(rows).toEqual([{ debit: 'receivable', credit: 'revenue', amount_minor: '1000', reason: 'invoice_finalized' }])
})

describe('a plan paid in advance', () => {
  test('is billed at its start and then with the end of each period', async () => {
    fixture = await createBillingFixture('2026-01-31T08:00:00Z')
    await fixture.plan({ code: 'advance', amountMinor: 3000n, payInAdvance: true }, [GRADUATED])
    await fixture.customer('acme')
    await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'advance', billingTime: 'anniversary' })
    await fixture.use('acme', 100, '2026-02-03T00:00:00Z')
    await fixture.advanceTo('2026-03-31T12:00:00Z')
    expect((await summaries('acme')).map(({ kind, period, lines }) => ({ kind, period, lines }))).toEqual([
      {
        kind: 'subscription_create',
        period: '2026-01-31T08:00:00Z – 2026-02-28T00:00:00Z',
        lines: ['advance: 1 = 3000'],
      },
      {
        kind: 'subscription_cycle',
        period: '2026-01-31T08:00:00Z – 2026-02-28T00:00:00Z',
        lines: ['advance: 1 = 3000', 'Tokens: 100 = 200'],
      },
      {
        kind: 'subscription_cycle',
        period: '2026-02-28T00:00:00Z – 2026-03-31T00:00:00Z',
        lines: ['advance: 1 = 3000', 'Tokens: 0 = 100'],
      },
    ])
  })
})

describe('the end of a subscription', () => {
  test('bills the days and the usage up to it', async () => {
    fixture = await createBillingFixture('2026-01-01T00:00:00Z')
    await fixture.plan({ code: 'pro', amountMinor: 3100n }, [GRADUATED])
    await fixture.customer('acme')
    const { id } = await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro' })
    await fixture.use('acme', 100, '2026-01-05T00:00:00Z')
    await fixture.use('acme', 100, '2026-01-10T12:00:00Z')
    const endedAt = Temporal.Instant.from('2026-01-10T12:00:00Z')
    await fixture.within((transaction) => cancelSubscription(transaction, fixture.organizationId, id, endedAt))
    await fixture.advanceTo('2026-03-15T00:00:00Z')
    expect(await summaries('acme')).toMatchObject([
      { period: '2026-01-01T00:00:00Z – 2026-01-10T12:00:00Z', lines: ['pro: 1 = 1000', 'Tokens: 100 = 200'] },
    ])
    const { rows } = await fixture.pool.query('select status, current_period_start, next_billing_at from subscriptions')
    expect(rows).toEqual([{ status: 'cancelled', current_period_start: null, next_billing_at: null }])
  })

  test('at the end of its period bills that period whole and no other', async () => {
    fixture = await createBillingFixture('2026-01-01T00:00:00Z')
    await fixture.plan({ code: 'pro', amountMinor: 3100n })
    await fixture.customer('acme')
    const { id } = await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro' })
    await fixture.within((transaction) => cancelSubscription(transaction, fixture.organizationId, id, 'period_end'))
    await fixture.advanceTo('2026-04-01T00:00:00Z')
    expect((await summaries('acme')).map(({ total }) => total)).toEqual(['3100'])
  })
})

test('a subscription that starts later is billed from its start', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'pro', amountMinor: 2800n })
  await fixture.customer('acme', 'America/New_York')
  const startedAt = Temporal.Instant.from('2026-02-15T17:00:00Z')
  const { status } = await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro', startedAt })
  expect(status).toBe('pending_activation')
  await fixture.advanceTo('2026-04-01T06:00:00Z')
  expect(await summaries('acme')).toMatchObject([
    { period: '2026-02-15T17:00:00Z – 2026-03-01T05:00:00Z', total: '1400' },
    { period: '2026-03-01T05:00:00Z – 2026-04-01T04:00:00Z', total: '2800' },
  ])
})

test('usage that names no subscription is billed once, on the earliest one that charges the metric', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  const perToken = { chargeModel: 'standard' as const, properties: { amount: '1' } }
  await fixture.plan({ code: 'first' }, [perToken])
  await fixture.plan({ code: 'second' }, [perToken])
  await fixture.customer('acme')
  const startedAt = Temporal.Instant.from('2026-01-02T00:00:00Z')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'first', externalId: 'one' })
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'second', externalId: 'two', startedAt })
  await fixture.use('acme', 10, '2026-01-05T00:00:00Z')
  await fixture.use('acme', 3, '2026-01-05T00:00:00Z', { externalSubscriptionId: 'two' })
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  const { rows } = await fixture.pool.query(
    `select s.external_id, i.total_minor from invoices i join subscriptions s on s.id = i.subscription_id order by 1`,
  )
  expect(rows).toEqual([
    { external_id: 'one', total_minor: '1000' },
    { external_id: 'two', total_minor: '300' },
  ])
})

test('numbers go on past six digits', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  await fixture.customer('acme')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'fee' })
  await fixture.pool.query('update issuers set last_invoice_number = 999998')
  await fixture.advanceTo('2026-05-01T02:00:00Z')
  const numbers = (await fixture.invoices('acme')).map(({ number }) => number)
  expect(numbers).toEqual(['INV-999999', 'INV-1000000', 'INV-1000001', 'INV-1000002'])
})

test.each(['calendar', 'anniversary'] as const)(
  'a %s subscription that is entered with an earlier start takes over no usage that another one had',
  async (billingTime) => {
    fixture = await createBillingFixture('2026-01-05T00:00:00Z')
    await fixture.plan({ code: 'usage' }, [{ chargeModel: 'standard', properties: { amount: '1' } }])
    await fixture.customer('acme')
    await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'usage', externalId: 'first' })
    await fixture.use('acme', 100, '2026-01-20T00:00:00Z')
    // The first bill is a draft while the second subscription is entered.
    await fixture.advanceTo('2026-02-01T00:30:00Z')
    const startedAt = Temporal.Instant.from('2025-12-15T00:00:00Z')
    await fixture.subscribe({
      externalCustomerId: 'acme',
      planCode: 'usage',
      externalId: 'second',
      startedAt,
      billingTime,
    })
    await fixture.advanceTo('2026-04-20T00:00:00Z')
    const { rows } = await fixture.pool.query(
      `select s.external_id, sum(i.total_minor)::text as billed
       from invoices i join subscriptions s on s.id = i.subscription_id group by 1 order by 1`,
    )
    expect(rows).toEqual([
      { external_id: 'first', billed: '10000' },
      { external_id: 'second', billed: '0' },
    ])
  },
)

test('an amount of any size is billed, numbered and posted', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'usage' }, [
    { chargeModel: 'standard', properties: { amount: '999999999999999999999999999999' } },
  ])
  await fixture.customer('acme')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'usage' })
  await fixture.use('acme', 1, '2026-01-10T00:00:00Z', { properties: { tokens: '999999999999999999999999999999' } })
  await fixture.advanceTo('2026-02-02T00:00:00Z')
  const amount = (10n ** 30n - 1n) ** 2n * 100n
  expect(await summaries('acme')).toMatchObject([
    { status: 'finalized', number: 'INV-000001', total: amount.toString() },
  ])
  const { rows } = await fixture.pool.query('select amount_minor::text from ledger_postings')
  expect(rows).toEqual([{ amount_minor: amount.toString() }])
})

test('two workers that bill the same subscriptions at once issue one invoice for each period', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'pro', amountMinor: 500n })
  const customers = Array.from({ length: 12 }, (_, index) => `customer-${index}`)
  for (const externalCustomerId of customers) {
    await fixture.customer(externalCustomerId)
    await fixture.subscribe({ externalCustomerId, planCode: 'pro' })
  }
  await fixture.pool.query(`update test_clocks set frozen_time = '2026-04-01T02:00:00Z'`)
  const due = { now: Temporal.Now.instant(), liveDelaySeconds: 0, testClockDelaySeconds: 0, limit: 1000 }
  const [chunk] = await listDueSubscriptions(fixture.connection, due)
  const ids = chunk?.ids ?? []
  expect(ids).toHaveLength(12)
  const issued = await Promise.all([1, 2, 3].map(() => issueBills(fixture.connection, fixture.organizationId, ids)))
  expect(issued.reduce((sum, count) => sum + count, 0)).toBe(36)
  await fixture.pool.query('update issuers set grace_period_seconds = 0')
  await fixture.advanceTo('2026-05-01T00:00:00Z')
  const { rows } = await fixture.pool.query(
    `select count(*)::int as invoices, count(distinct number)::int as numbers, max(number) as last from invoices`,
  )
  expect(rows).toEqual([{ invoices: 48, numbers: 48, last: 'INV-000048' }])
})

test('what another transaction was in the way of is neither halved nor set aside', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  const tried: (readonly string[])[] = []
  const setAside: string[] = []
  const work = eachOrBisect(
    ['a', 'b'],
    pino({ level: 'silent' }),
    async (ids) => {
      tried.push(ids)
      throw Object.assign(new Error('deadlock detected'), { code: '40P01' })
    },
    async (id) => void setAside.push(id),
  )
  await expect(work).rejects.toThrow('deadlock detected')
  expect([tried, setAside]).toEqual([[['a', 'b']], []])
})

test('a subscription that cannot be billed holds up no other', async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'pro', amountMinor: 500n })
  await fixture.plan({ code: 'broken' }, [GRADUATED])
  const ids: string[] = []
  for (const index of [0, 1, 2, 3, 4]) {
    const externalCustomerId = `customer-${index}`
    await fixture.customer(externalCustomerId)
    ids.push((await fixture.subscribe({ externalCustomerId, planCode: index === 2 ? 'broken' : 'pro' })).id)
  }
  await fixture.pool.query(`update prices set properties = '{}' where charge_model = 'graduated'`)
  await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-01T00:00:00Z'`)
  const setAside: string[] = []
  const billing = eachOrBisect(
    ids,
    pino({ level: 'silent' }),
    (chunk) => issueBills(fixture.connection, fixture.organizationId, chunk),
    async (id) => void setAside.push(id),
  )
  await expect(billing).rejects.toThrow(/cannot be priced/)
  const { rows } = await fixture.pool.query('select count(*)::int as invoices from invoices')
  expect(rows).toEqual([{ invoices: 4 }])
  expect(setAside).toEqual([ids[2]])
})
