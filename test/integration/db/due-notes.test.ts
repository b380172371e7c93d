import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { advanceSubscriptions } from '../../../db/billing/advance-subscriptions.ts'
import { dueNotes, listDueNotes } from '../../../db/billing/due-notes.ts'
import { requireSubscription } from '../../../db/subscriptions/require-subscription.ts'
import type { Subscription } from '../../../db/subscriptions/subscriptions.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

let fixture: BillingFixture

beforeAll(async () => {
  fixture = await createBillingFixture('2026-01-01T00:00:00Z')
  await fixture.plan({ code: 'fee', amountMinor: 1000n })
  await fixture.customer('acme')
  await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'fee', externalId: 'acme-fee' })
  await fixture.advanceTo('2026-02-01T02:00:00Z')
})
afterAll(() => fixture.close())

// Each of them is an invoice as well, which takes the database a while to write.
const WAITING = 10_000

const nextOf = ({ currentPeriodStart, currentPeriodEnd, timeZone }: Subscription) => ({
  currentPeriodStart,
  currentPeriodEnd,
  timeZone,
})

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
}

/** The pages that a look for due notes touches. */
async function pagesRead(): Promise<number> {
  const query = sql<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>`
    explain (analyze, buffers, format json) ${dueNotes(Temporal.Instant.from('2026-06-01T00:00:00Z'))}`
  const { rows } = await query.execute(fixture.connection)
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
  return (plan?.['Shared Hit Blocks'] ?? Infinity) + (plan?.['Shared Read Blocks'] ?? 0)
}

test('a period that awaits an invoice is looked at once the last one of its subscription is written', async () => {
  const { pool, connection, organizationId } = fixture
  await pool.query(
    `insert into reopened_periods (customer_id, invoice_id, organization_id, subscription_id, reopened_at, awaits_invoice)
     select customer_id, id, organization_id, subscription_id, '2026-02-01T02:00:00Z', true from invoices`,
  )
  const awaits = async () => (await pool.query('select awaits_invoice as waits from reopened_periods')).rows
  const subscription = await fixture.within((transaction) =>
    requireSubscription(transaction, organizationId, 'acme-fee'),
  )
  const advance = (next: { readonly nextBillingAt: Temporal.Instant | null }) =>
    fixture.within((transaction) =>
      advanceSubscriptions(transaction, organizationId, [
        {
          subscriptionId: subscription.id,
          customerId: subscription.customerId,
          next: { ...nextOf(subscription), ...next },
        },
      ]),
    )
  await advance({ nextBillingAt: subscription.nextBillingAt })
  expect(await awaits()).toEqual([{ waits: true }])
  await advance({ nextBillingAt: null })
  expect(await awaits()).toEqual([{ waits: false }])
  const due = { now: Temporal.Now.instant(), limit: 10 }
  expect(await listDueNotes(connection, due)).toEqual([])
  await pool.query(`update test_clocks set frozen_time = '2026-02-01T03:00:00Z'`)
  expect(await listDueNotes(connection, due)).toMatchObject([{ organizationId, ids: [expect.any(String)] }])
})

test('looking for due notes costs the same, however many reopened periods wait for their invoice', async () => {
  const { pool } = fixture
  const before = await pagesRead()
  await pool.query(
    `insert into invoices select (jsonb_populate_record(invoice, jsonb_build_object(
       'id', gen_random_uuid(), 'number', 'N-' || place, 'period_start', invoice.period_start - place * interval '1 second'))).*
     from invoices invoice, generate_series(1, ${WAITING}) place`,
  )
  await pool.query(
    `insert into reopened_periods (customer_id, invoice_id, organization_id, subscription_id, reopened_at, awaits_invoice)
     select customer_id, id, organization_id, subscription_id, '2026-01-01', true from invoices on conflict do nothing`,
  )
  // The planner knows nothing of them yet.
  expect(await pagesRead()).toBeLessThan(before + 20)
})
