import { afterEach, describe, expect, test, vi } from 'vitest'
import { finalizeDrafts } from '../../../db/billing/finalize-drafts.ts'
import type { OrganizationTransaction } from '../../../db/connection.ts'
import type { Invoice } from '../../../db/invoices/invoices.ts'
import { issueNotes } from '../../../workers/issue-invoices/issue-notes.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'
import { priceTouched } from '../../support/pricing.ts'

let fixture: BillingFixture
afterEach(() => fixture.close())

const PER_TOKEN = { chargeModel: 'standard' as const, properties: { amount: '0.5' } }
const GRADUATED = {
  chargeModel: 'graduated' as const,
  properties: {
    graduated_ranges: [
      { from_value: 0, to_value: 100, per_unit_amount: '1', flat_amount: '0' },
      { from_value: 100, to_value: null, per_unit_amount: '0.1', flat_amount: '0' },
    ],
  },
}
const VOLUME = {
  chargeModel: 'volume' as const,
  properties: {
    volume_ranges: [
      { from_value: 0, to_value: 100, per_unit_amount: '1', flat_amount: '0' },
      { from_value: 100, to_value: null, per_unit_amount: '0.1', flat_amount: '0' },
    ],
  },
}

/** Looks at single events, because the first one is free. */
const PER_EVENT = { chargeModel: 'percentage' as const, properties: { rate: '10', free_units_per_events: 1 } }

async function open(charges: Parameters<BillingFixture['plan']>[1], about: object = {}) {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'usage', ...about }, charges)
  await fixture.customer('acme')
  return await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'usage', externalId: 'acme-usage' })
}

const summary = ({ kind, status, totalMinor, lines }: Invoice) => ({
  kind,
  status,
  total: Number(totalMinor),
  lines: lines.map((line) => `${line.kind} ${line.description}: ${Number(line.units)} = ${line.amountMinor}`),
})

async function summaries(): Promise<ReturnType<typeof summary>[]> {
  return (await fixture.invoices('acme')).map(summary)
}

const marks = async () => (await fixture.pool.query('select invoice_id from reopened_periods')).rows.length

/** The credit notes in the order of their numbers, each with the number of what it names. */
async function creditNotes(): Promise<string[]> {
  const { rows } = await fixture.pool.query<{ note: string }>(
    `select format('%s of %s: %s', note.number, invoice.number, note.total_minor) as note from credit_notes note
     join invoices invoice on invoice.id = note.invoice_id order by note.number`,
  )
  return rows.map(({ note }) => note)
}

const issueNotesOf = (invoice: Invoice | undefined) =>
  fixture.within((transaction) => issueNotes(transaction, fixture.organizationId, [invoice?.id ?? '']))

/** What each of three answers, the least first. */
async function thriceAtOnce(issue: () => Promise<number>): Promise<number[]> {
  return (await Promise.all([issue(), issue(), issue()])).toSorted((one, other) => one - other)
}

describe('usage that arrives after its invoice is final', () => {
  test('is billed on the next invoice, as a line of its own, at the price of its own period', async () => {
    await open([GRADUATED])
    await fixture.use('acme', 90, '2026-01-10T00:00:00Z')
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    await fixture.use('acme', 30, '2026-01-20T00:00:00Z')
    await fixture.use('acme', 5, '2026-02-20T00:00:00Z')
    await priceTouched(fixture)
    await fixture.advanceTo('2026-03-01T00:30:00Z')
    const march = {
      kind: 'subscription_cycle',
      total: 1700,
      // 120 of January cost 100 × 1 + 20 × 0.1; 90 were billed with 90.
      lines: ['usage Tokens: 5 = 500', 'late_usage Tokens, 2026-01-01 to 2026-01-31: 30 = 1200'],
    }
    expect((await summaries())[1]).toEqual({ ...march, status: 'draft' })
    await fixture.advanceTo('2026-04-01T02:00:00Z')
    expect(await summaries()).toEqual([
      { kind: 'subscription_cycle', status: 'finalized', total: 9000, lines: ['usage Tokens: 90 = 9000'] },
      { ...march, status: 'finalized' },
      { kind: 'subscription_cycle', status: 'finalized', total: 0, lines: ['usage Tokens: 0 = 0'] },
    ])
    const [january, february] = await fixture.invoices('acme')
    const late = february?.lines[1]
    expect(late).toMatchObject({
      correctsInvoiceId: january?.id,
      correctedKind: 'usage',
      eventsCount: '1',
      periodStart: january?.periodStart,
      periodEnd: january?.periodEnd,
      chargeModel: 'graduated',
      priceId: january?.lines[0]?.priceId,
      adjustments: [{ kind: 'billed_before', amount: '-90' }],
    })
    expect(late?.steps.map(({ units, amount }) => [units, amount])).toEqual([
      ['100', '100'],
      ['20', '2'],
    ])
    expect(await marks()).toBe(0)
  })

  test('is billed in as many waves as it comes in, each time up to the price of all', async () => {
    await open([GRADUATED])
    await fixture.use('acme', 90, '2026-01-10T00:00:00Z')
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    await fixture.use('acme', 30, '2026-01-20T00:00:00Z')
    await fixture.advanceTo('2026-03-01T02:00:00Z')
    await fixture.use('acme', 10, '2026-01-21T00:00:00Z')
    await fixture.advanceTo('2026-04-01T00:30:00Z')
    await fixture.use('acme', 10, '2026-01-22T00:00:00Z')
    await fixture.use('acme', 7, '2026-02-22T00:00:00Z')
    await fixture.advanceTo('2026-05-01T02:00:00Z')
    expect((await summaries()).map(({ lines }) => lines.slice(1))).toEqual([
      [],
      ['late_usage Tokens, 2026-01-01 to 2026-01-31: 30 = 1200'],
      ['late_usage Tokens, 2026-01-01 to 2026-01-31: 20 = 200', 'late_usage Tokens, 2026-02-01 to 2026-02-28: 7 = 700'],
      [],
    ])
  })

  test('that makes its period cheaper is credited, never below what the invoice comes to', async () => {
    await open([VOLUME])
    await fixture.use('acme', 100, '2026-01-10T00:00:00Z')
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    // All 101 at 0.1 instead of 100 at 1: 8,990 too much was billed.
    await fixture.use('acme', 1, '2026-01-11T00:00:00Z')
    await fixture.use('acme', 50, '2026-02-10T00:00:00Z')
    await fixture.use('acme', 60, '2026-03-10T00:00:00Z')
    await fixture.advanceTo('2026-03-02T00:00:00Z')
    await fixture.advanceTo('2026-04-02T00:00:00Z')
    const [january, february, march] = await fixture.invoices('acme')
    expect([january, february, march].map((invoice) => invoice && summary(invoice))).toMatchObject([
      { total: 10000 },
      { total: 0, lines: ['usage Tokens: 50 = 5000', 'usage_credit Tokens, 2026-01-01 to 2026-01-31: 1 = -5000'] },
      { total: 2010, lines: ['usage Tokens: 60 = 6000', 'usage_credit Tokens, 2026-01-01 to 2026-01-31: 0 = -3990'] },
    ])
    expect(february?.lines[1]?.adjustments).toEqual([
      { kind: 'billed_before', amount: '-100' },
      { kind: 'credited_later', amount: '39.9' },
    ])
    expect(await marks()).toBe(0)
  })

  test('makes up for what was billed as a minimum', async () => {
    await open([{ ...PER_TOKEN, modifiers: { min_amount_cents: 2000 } }])
    await fixture.use('acme', 10, '2026-01-10T00:00:00Z')
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    await fixture.use('acme', 50, '2026-01-11T00:00:00Z')
    await fixture.advanceTo('2026-03-01T02:00:00Z')
    expect((await summaries()).map(({ total, lines }) => ({ total, lines }))).toEqual([
      { total: 2000, lines: ['usage Tokens: 10 = 500', 'minimum_spend Tokens: up to the minimum: 1 = 1500'] },
      {
        total: 3000,
        lines: [
          'usage Tokens: 0 = 0',
          'minimum_spend Tokens: up to the minimum: 1 = 2000',
          'late_usage Tokens, 2026-01-01 to 2026-01-31: 50 = 2500',
          'usage_credit Tokens: up to the minimum, 2026-01-01 to 2026-01-31: -1 = -1500',
        ],
      },
    ])
  })

  test('is billed by a fee in advance as well, and at once where there is no grace', async () => {
    await open([PER_TOKEN], { amountMinor: 1000n, payInAdvance: true })
    await fixture.pool.query('update issuers set grace_period_seconds = 0')
    await fixture.advanceTo('2026-02-01T00:00:00Z')
    await fixture.use('acme', 4, '2026-01-31T00:00:00Z')
    await priceTouched(fixture)
    await fixture.advanceTo('2026-03-01T00:00:00Z')
    expect((await summaries()).at(-1)).toEqual({
      kind: 'subscription_cycle',
      status: 'finalized',
      total: 1200,
      lines: [
        'plan_fee usage: 1 = 1000',
        'usage Tokens: 0 = 0',
        'late_usage Tokens, 2026-01-01 to 2026-01-31: 4 = 200',
      ],
    })
    expect(await marks()).toBe(0)
  })
})

test('usage that changes nothing makes no line', async () => {
  await open([{ ...PER_TOKEN, modifiers: { free_units: '100' } }])
  await fixture.use('acme', 10, '2026-01-10T00:00:00Z')
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  await fixture.use('acme', 20, '2026-01-11T00:00:00Z')
  await fixture.advanceTo('2026-03-01T02:00:00Z')
  expect((await summaries()).map(({ lines }) => lines)).toEqual([['usage Tokens: 10 = 0'], ['usage Tokens: 0 = 0']])
  expect(await marks()).toBe(0)
})

test('what arrives in the grace period is in the draft, and not late', async () => {
  await open([PER_TOKEN])
  await fixture.advanceTo('2026-02-01T00:30:00Z')
  await fixture.use('acme', 20, '2026-01-11T00:00:00Z')
  await priceTouched(fixture)
  await fixture.advanceTo('2026-03-01T02:00:00Z')
  expect((await summaries()).map(({ lines }) => lines)).toEqual([['usage Tokens: 20 = 1000'], ['usage Tokens: 0 = 0']])
  expect(await marks()).toBe(0)
})

test('of several drafts of a subscription the first bears what is late', async () => {
  await open([PER_TOKEN])
  await fixture.pool.query('update issuers set grace_period_seconds = 3600 * 24 * 40')
  await fixture.advanceTo('2026-03-15T00:00:00Z')
  expect((await summaries()).map(({ status }) => status)).toEqual(['finalized', 'draft'])
  await fixture.use('acme', 4, '2026-01-31T00:00:00Z')
  await fixture.advanceTo('2026-04-02T00:00:00Z')
  expect((await summaries()).map(({ status }) => status)).toEqual(['finalized', 'draft', 'draft'])
  await fixture.advanceTo('2026-08-01T00:00:00Z')
  const late = (await summaries()).map(({ lines }) => lines.filter((line) => line.startsWith('late')))
  expect(late.slice(0, 3)).toEqual([[], ['late_usage Tokens, 2026-01-01 to 2026-01-31: 4 = 200'], []])
})

describe('usage that is committed while an invoice is finalized', () => {
  test('between the last rating and the end is billed by the next invoice, once', async () => {
    await open([PER_TOKEN])
    await fixture.use('acme', 10, '2026-01-10T00:00:00Z')
    await priceTouched(fixture)
    await fixture.advanceTo('2026-02-01T00:30:00Z')
    const [draft] = await fixture.invoices('acme')
    const named = { invoiceIds: [draft?.id ?? ''], customerIds: [draft?.customerId ?? 0] }
    await fixture.within(async (transaction) => {
      await finalizeDrafts(transaction, { organizationId: fixture.organizationId, ...named, onlyDue: false })
      await fixture.use('acme', 4, '2026-01-31T00:00:00Z')
      await priceTouched(fixture)
    })
    expect(await marks()).toBe(1)
    await fixture.advanceTo('2026-04-02T00:00:00Z')
    expect((await summaries()).map(({ lines }) => lines)).toEqual([
      ['usage Tokens: 10 = 500'],
      ['usage Tokens: 0 = 0', 'late_usage Tokens, 2026-01-01 to 2026-01-31: 4 = 200'],
      ['usage Tokens: 0 = 0'],
    ])
  })

  test('and is in its last rating is not billed a second time', async () => {
    await open([PER_TOKEN])
    await fixture.advanceTo('2026-02-01T00:30:00Z')
    await fixture.use('acme', 4, '2026-01-31T00:00:00Z')
    await fixture.advanceTo('2026-02-02T00:00:00Z')
    // Only now its mark is taken.
    await priceTouched(fixture)
    expect(await marks()).toBe(1)
    await fixture.advanceTo('2026-04-02T00:00:00Z')
    expect((await summaries()).map(({ total }) => total)).toEqual([200, 0, 0])
    expect(await marks()).toBe(0)
  })

  test('waits with its mark for a bill that is being written', async () => {
    await open([PER_TOKEN])
    await fixture.pool.query('update issuers set grace_period_seconds = 0')
    await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-01T00:00:00Z'`)
    const billing = await fixture.pool.connect()
    try {
      await billing.query('begin')
      await billing.query('select from subscriptions for update')
      await fixture.use('acme', 4, '2026-01-31T00:00:00Z')
      const priced = priceTouched(fixture)
      const isWaiting = async () => {
        const { rows } = await fixture.pool.query(
          `select from pg_locks join pg_stat_activity using (pid) where not granted and datname = current_database()`,
        )
        expect(rows.length).toBeGreaterThan(0)
      }
      await vi.waitFor(isWaiting, { timeout: 10_000 })
      await billing.query('commit')
      await priced
    } finally {
      billing.release()
    }
  })
})

describe('a worker that dies or runs twice', () => {
  test('between rating late usage and the commit leaves it to be billed once', async () => {
    await open([PER_TOKEN])
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    await fixture.use('acme', 4, '2026-01-31T00:00:00Z')
    await priceTouched(fixture)
    await fixture.advanceTo('2026-03-01T00:30:00Z')
    const draft = (await fixture.invoices('acme'))[1]
    const named = { invoiceIds: [draft?.id ?? ''], customerIds: [draft?.customerId ?? 0] }
    const finalize = (transaction: OrganizationTransaction) =>
      finalizeDrafts(transaction, { organizationId: fixture.organizationId, ...named, onlyDue: false })
    const killed = fixture.within(async (transaction) => {
      await finalize(transaction)
      throw new Error('killed')
    })
    await expect(killed).rejects.toThrow('killed')
    expect(await marks()).toBe(1)
    expect(await fixture.within(finalize)).toBe(1)
    expect(await fixture.within(finalize)).toBe(0)
    await fixture.advanceTo('2026-05-01T02:00:00Z')
    expect((await summaries()).map(({ total }) => total)).toEqual([0, 200, 0, 0])
  })

  test('issues one note, however many do so at once', async () => {
    await open([PER_TOKEN], { lateUsage: 'note' })
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    await fixture.use('acme', 4, '2026-01-31T00:00:00Z')
    await priceTouched(fixture)
    await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-02T00:00:00Z'`)
    const [january] = await fixture.invoices('acme')
    const issue = () => issueNotesOf(january)
    const killed = fixture.within(async (transaction) => {
      await issueNotes(transaction, fixture.organizationId, [january?.id ?? ''])
      throw new Error('killed')
    })
    await expect(killed).rejects.toThrow('killed')
    expect(await thriceAtOnce(issue)).toEqual([0, 0, 1])
    expect(await issue()).toBe(0)
    expect(await summaries()).toMatchObject([{ total: 0 }, { kind: 'debit_note', total: 200 }])
  })
})

test('credits of several documents are issued once each, however many do so at once, with numbers without a gap', async () => {
  await open([VOLUME], { lateUsage: 'note' })
  await fixture.use('acme', 90, '2026-01-10T00:00:00Z')
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  await fixture.use('acme', 5, '2026-01-11T00:00:00Z')
  await priceTouched(fixture)
  await fixture.advanceTo('2026-02-02T00:00:00Z')
  // 115 at 0.1 instead of 95 at 1, of which the debit note billed 5.
  await fixture.use('acme', 20, '2026-01-12T00:00:00Z')
  await priceTouched(fixture)
  await fixture.pool.query(`update test_clocks set frozen_time = '2026-02-03T00:00:00Z'`)
  const [january] = await fixture.invoices('acme')
  const issue = () => issueNotesOf(january)
  expect(await thriceAtOnce(issue)).toEqual([0, 0, 2])
  expect(await creditNotes()).toEqual(['CN-000001 of INV-000002: 500', 'CN-000002 of INV-000001: 7850'])
})

test('an invoice that billed two periods gives back of both, in notes of their own', async () => {
  await open([VOLUME])
  await fixture.use('acme', 90, '2026-01-10T00:00:00Z')
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  await fixture.use('acme', 5, '2026-01-11T00:00:00Z')
  await fixture.use('acme', 90, '2026-02-10T00:00:00Z')
  await fixture.advanceTo('2026-03-01T02:00:00Z')
  await fixture.pool.query(`update plans set late_usage = 'note'`)
  await fixture.use('acme', 20, '2026-01-12T00:00:00Z')
  await fixture.use('acme', 20, '2026-02-12T00:00:00Z')
  await priceTouched(fixture)
  await fixture.advanceTo('2026-03-02T00:00:00Z')
  // January: 115 at 0.1 instead of 95 at 1; February: 110 at 0.1 instead of 90 at 1.
  expect(await creditNotes()).toEqual([
    'CN-000001 of INV-000002: 500',
    'CN-000002 of INV-000001: 7850',
    'CN-000003 of INV-000002: 7900',
  ])
})

test('a credit note never changes, and its posting is the reverse of an invoice', async () => {
  await open([VOLUME], { lateUsage: 'note' })
  await fixture.use('acme', 90, '2026-01-10T00:00:00Z')
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  await fixture.use('acme', 20, '2026-01-11T00:00:00Z')
  await priceTouched(fixture)
  await fixture.advanceTo('2026-02-02T00:00:00Z')
  for (const statement of [
    'update credit_notes set total_minor = 1, subtotal_minor = 1',
    'delete from credit_notes',
    'update credit_note_lines set amount_minor = -1',
    'delete from credit_note_lines',
  ]) {
    await expect(fixture.pool.query(statement), statement).rejects.toMatchObject({ code: '23000' })
  }
  const { rows } = await fixture.pool.query(
    `select debit.kind as debit, credit.kind as credit, amount_minor, reason, reference_kind from ledger_postings
     join ledger_accounts debit on debit.id = debit_account_id join ledger_accounts credit on credit.id = credit_account_id
     order by posted_at`,
  )
  expect(rows).toEqual([
    {
      debit: 'receivable',
      credit: 'revenue',
      amount_minor: '9000',
      reason: 'invoice_finalized',
      reference_kind: 'invoice',
    },
    {
      debit: 'revenue',
      credit: 'receivable',
      amount_minor: '7900',
      reason: 'credit_note_issued',
      reference_kind: 'credit_note',
    },
  ])
})

describe('a closed period whose price looks at events that are archived', () => {
  const archive = () =>
    fixture.pool.query(
      `insert into archived_usage (organization_id, month, folder, events_count, manifest_sha256)
       values ($1, '2026-01-01', '2026-01-elsewhere', 1, '')`,
      [fixture.organizationId],
    )
  const restore = () => fixture.pool.query('delete from archived_usage')
  const useLate = async () => {
    await fixture.use('acme', 90, '2026-01-10T00:00:00Z')
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    await archive()
    await fixture.use('acme', 30, '2026-01-20T00:00:00Z')
    await priceTouched(fixture)
  }

  test('keeps its mark until they are restored, and holds up no bill', async () => {
    await open([PER_EVENT])
    await useLate()
    await fixture.use('acme', 5, '2026-02-10T00:00:00Z')
    await fixture.use('acme', 5, '2026-02-20T00:00:00Z')
    await fixture.advanceTo('2026-03-01T02:00:00Z')
    const [, march] = await summaries()
    expect(march).toMatchObject({ status: 'finalized', total: 50, lines: ['usage Tokens: 10 = 50'] })
    expect(await marks()).toBe(1)
    await restore()
    await fixture.advanceTo('2026-04-01T02:00:00Z')
    expect((await summaries())[2]?.lines).toContain('late_usage Tokens, 2026-01-01 to 2026-01-31: 30 = 300')
    expect(await marks()).toBe(0)
  })

  test('gets its note an hour later, when they are restored by then', async () => {
    await open([PER_EVENT], { lateUsage: 'note' })
    await useLate()
    await fixture.advanceTo('2026-02-02T00:00:00Z')
    expect(await summaries()).toHaveLength(1)
    expect(await marks()).toBe(1)
    await restore()
    await fixture.advanceTo('2026-02-03T00:00:00Z')
    expect((await summaries())[1]).toMatchObject({ kind: 'debit_note', total: 300 })
    expect(await marks()).toBe(0)
  })
})
