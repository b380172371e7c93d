import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import type { Invoice } from '../../../db/invoices/invoices.ts'
import { cancelSubscription } from '../../../db/subscriptions/cancel-subscription.ts'
import type { NamedInterval } from '../../../shared/calendar/interval.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

interface Fee {
  readonly type: string
  readonly amount_cents: number
}

interface Expectation {
  readonly at: string
  readonly invoice?: { readonly fees: readonly Fee[] }
}

interface Case {
  readonly id: string
  readonly given: {
    readonly plan_amount_cents: number
    readonly interval: NamedInterval
    readonly pay_in_advance: boolean
    readonly timezone: string
    readonly billing_time: 'calendar' | 'anniversary'
    readonly trial_period_days: number
    readonly charges?: readonly { readonly amount: string }[]
  }
  readonly timeline: readonly { readonly at: string; readonly do: string }[]
  readonly expected: readonly Expectation[]
}

const CASES: readonly Case[] = JSON.parse(
  readFileSync(new URL('../../cases/lago-invoicing.json', import.meta.url), 'utf8'),
)

// Not run, with the reason.
const DIFFERENT: Readonly<Record<string, string>> = {
  'lago-inv-prorate-13': 'its period has a day more than the month that it divides by; 15 of 30 days are billed here',
  'lago-inv-trial-02': 'a subscription cannot change its plan yet',
}

// What of an expectation has no counterpart yet: credit notes, and these fees.
const NOT_YET: readonly string[] = ['commitment']

let fixture: BillingFixture
afterEach(() => fixture.close())

test.each(CASES.filter(({ id }) => DIFFERENT[id] === undefined))('$id', async ({ given, timeline, expected }) => {
  const [first] = timeline
  fixture = await createBillingFixture(first?.at ?? '')
  const charges = (given.charges ?? []).map(({ amount }) => ({
    chargeModel: 'standard' as const,
    properties: { amount },
  }))
  await fixture.plan(
    {
      code: 'plan',
      interval: given.interval,
      amountMinor: BigInt(given.plan_amount_cents),
      payInAdvance: given.pay_in_advance,
      trialPeriodDays: given.trial_period_days,
    },
    charges,
  )
  await fixture.customer('acme', given.timezone)
  let subscriptionId = ''
  for (const step of timeline) {
    if (step !== first) await fixture.advanceTo(step.at)
    subscriptionId = (await play(step, given, subscriptionId)) ?? subscriptionId
  }
  const last = Temporal.Instant.from(timeline.at(-1)?.at ?? '')
  await fixture.advanceTo(String(last.add({ hours: 40 * 24 })))
  const invoices = await fixture.invoices('acme')
  for (const { at, invoice } of expected) {
    const fees = (invoice?.fees ?? []).filter(({ type }) => !NOT_YET.includes(type))
    expect(feesOf(invoiceAt(invoices, timeline, at)), at).toEqual(fees)
  }
})

async function play({ at, do: step }: Case['timeline'][number], given: Case['given'], subscriptionId: string) {
  if (step.startsWith('terminate')) {
    await fixture.within((transaction) =>
      cancelSubscription(transaction, fixture.organizationId, subscriptionId, 'now'),
    )
  }
  if (step === '1 event') await fixture.use('acme', 1, at)
  if (!step.startsWith('subscri')) return undefined
  const request = {
    externalCustomerId: 'acme',
    planCode: 'plan',
    externalId: 'acme-1',
    billingTime: given.billing_time,
  }
  return (await fixture.subscribe(request)).id
}

// The newest of those that were issued since the step before.
function invoiceAt(invoices: readonly Invoice[], timeline: Case['timeline'], at: string): Invoice | undefined {
  if (at === 'first invoice') return invoices[0]
  const until = Temporal.Instant.from(at)
  const since = timeline.map((step) => Temporal.Instant.from(step.at)).findLast((step) => before(step, until))
  return invoices.findLast(
    ({ issuedAt }) => !before(until, issuedAt) && (since === undefined || before(since, issuedAt)),
  )
}

function before(one: Temporal.Instant, other: Temporal.Instant): boolean {
  return Temporal.Instant.compare(one, other) < 0
}

// A charge that was not used has a line here, and none there.
function feesOf(invoice: Invoice | undefined): Fee[] {
  return (invoice?.lines ?? [])
    .map(({ kind, amountMinor }) => ({
      type: kind === 'plan_fee' ? 'subscription' : 'charge',
      amount_cents: Number(amountMinor),
    }))
    .filter(({ type, amount_cents }) => type === 'subscription' || amount_cents > 0)
}
