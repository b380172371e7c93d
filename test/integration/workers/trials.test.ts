import { afterEach, describe, expect, test } from 'vitest'
import type { Invoice } from '../../../db/invoices/invoices.ts'
import { cancelSubscription } from '../../../db/subscriptions/cancel-subscription.ts'
import type { SubscriptionRequest } from '../../../db/subscriptions/create-subscription.ts'
import { requireSubscription } from '../../../db/subscriptions/require-subscription.ts'
import type { Subscription } from '../../../db/subscriptions/subscriptions.ts'
import type { PlanRequest } from '../../../shared/plans/plan-request.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'

let fixture: BillingFixture
afterEach(() => fixture.close())

const PER_TOKEN = [{ chargeModel: 'standard', properties: { amount: '0.01' } }] as const

const show = ({ kind, issuedAt, lines }: Invoice) =>
  [
    kind.replace('subscription_', ''),
    issuedAt,
    ...lines.map((line) => {
      const days = line.billedDays === null ? '' : ` ${line.billedDays}/${line.periodDays}`
      return `${line.description}${days} = ${line.amountMinor}`
    }),
  ].join(', ')

async function invoices(): Promise<string[]> {
  return (await fixture.invoices('acme')).map(show)
}

/** A customer with a fee of 31.00 a month and a cent per token, on a plan with ten days of trial. */
async function begin(
  plan: Partial<PlanRequest>,
  about: Partial<SubscriptionRequest> = {},
  timeZone = 'UTC',
): Promise<Subscription> {
  fixture = await createBillingFixture('2026-01-05T12:12:00Z')
  await fixture.plan({ code: 'pro', name: 'Pro', amountMinor: 3100n, trialPeriodDays: 10, ...plan }, PER_TOKEN)
  await fixture.customer('acme', timeZone)
  return await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro', ...about })
}

async function current(id: string): Promise<Subscription> {
  return await fixture.within((transaction) => requireSubscription(transaction, fixture.organizationId, id))
}

test('a subscription is in its trial until the same local time so many days later, then active', async () => {
  const { id, status, trialEndsAt } = await begin({})
  expect([status, String(trialEndsAt)]).toEqual(['trial_active', '2026-01-15T12:12:00Z'])
  await fixture.advanceTo('2026-01-15T12:11:59Z')
  expect((await current(id)).status).toBe('trial_active')
  await fixture.advanceTo('2026-01-15T12:12:00Z')
  expect((await current(id)).status).toBe('active')
})

test('days of a trial are days of the zone of the customer, also where clocks change', async () => {
  const startedAt = Temporal.Instant.from('2026-03-06T17:00:00Z')
  const { trialEndsAt } = await begin({}, { startedAt }, 'America/New_York')
  expect(String(trialEndsAt)).toBe('2026-03-16T16:00:00Z')
})

describe('a free trial', () => {
  test('takes its days off a fee in arrears, and its usage is billed', async () => {
    await begin({})
    await fixture.use('acme', 100, '2026-01-06T00:00:00Z')
    await fixture.advanceTo('2026-03-01T02:00:00Z')
    expect(await invoices()).toEqual([
      'cycle, 2026-02-01T00:00:00Z, Pro (free trial until 2026-01-15) 17/31 = 1700, Tokens = 100',
      'cycle, 2026-03-01T00:00:00Z, Pro = 3100, Tokens = 0',
    ])
  })
  test('puts off a fee in advance until it is over', async () => {
    await begin({ payInAdvance: true })
    await fixture.use('acme', 100, '2026-01-06T00:00:00Z')
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    expect(await invoices()).toEqual([
      'create, 2026-01-15T12:12:00Z, Pro (free trial until 2026-01-15) 17/31 = 1700',
      'cycle, 2026-02-01T00:00:00Z, Pro = 3100, Tokens = 100',
    ])
  })
  test('of more than a period leaves out the fees of the periods it covers', async () => {
    await begin({ payInAdvance: true, trialPeriodDays: 45 })
    await fixture.use('acme', 100, '2026-01-06T00:00:00Z')
    await fixture.advanceTo('2026-03-01T02:00:00Z')
    expect(await invoices()).toEqual([
      'cycle, 2026-02-01T00:00:00Z, Tokens = 100',
      'create, 2026-02-19T12:12:00Z, Pro (free trial until 2026-02-19) 10/28 = 1107',
      'cycle, 2026-03-01T00:00:00Z, Pro = 3100, Tokens = 0',
    ])
  })
  test('in arrears shows the fee of a period that it covers as nothing', async () => {
    await begin({ trialPeriodDays: 45 })
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    expect(await invoices()).toEqual([
      'cycle, 2026-02-01T00:00:00Z, Pro (free trial until 2026-02-19) 0/31 = 0, Tokens = 0',
    ])
  })
  test('that ends on the day of a period gives one invoice, with the whole fee', async () => {
    await begin({ payInAdvance: true, trialPeriodDays: 31 }, { billingTime: 'anniversary' })
    await fixture.use('acme', 100, '2026-01-06T00:00:00Z')
    await fixture.advanceTo('2026-02-05T12:11:00Z')
    expect(await invoices()).toEqual([])
    await fixture.advanceTo('2026-03-05T02:00:00Z')
    expect(await invoices()).toEqual([
      'cycle, 2026-02-05T12:12:00Z, Pro (free trial until 2026-02-05) = 3100, Tokens = 100',
      'cycle, 2026-03-05T00:00:00Z, Pro = 3100, Tokens = 0',
    ])
  })
  test('counts days of the zone of the customer', async () => {
    // There the trial ends on the 15th at 01:00.
    await begin({}, { startedAt: Temporal.Instant.from('2026-01-04T16:00:00Z') }, 'Asia/Tokyo')
    await fixture.advanceTo('2026-01-31T16:00:00Z')
    expect(await invoices()).toEqual([
      'cycle, 2026-01-31T15:00:00Z, Pro (free trial until 2026-01-15) 17/31 = 1700, Tokens = 0',
    ])
  })
  test('gives its usage away where the plan says so', async () => {
    await begin({ trialUsage: 'free' })
    await fixture.use('acme', 100, '2026-01-15T12:11:59Z')
    await fixture.use('acme', 7, '2026-01-15T12:12:00Z')
    await fixture.advanceTo('2026-02-01T00:30:00Z')
    expect(await invoices()).toEqual([
      'cycle, 2026-02-01T00:00:00Z, Pro (free trial until 2026-01-15) 17/31 = 1700, Tokens = 7',
    ])
    // What arrives during the grace period is seen through the same window.
    await fixture.use('acme', 1000, '2026-01-10T00:00:00Z')
    await fixture.use('acme', 1, '2026-01-20T00:00:00Z')
    await fixture.advanceTo('2026-02-01T02:00:00Z')
    expect((await invoices()).map((invoice) => invoice.split(', ').at(-1))).toEqual(['Tokens = 8'])
  })
  test('issues nothing for a period that it gives away whole', async () => {
    await begin({ trialUsage: 'free', trialPeriodDays: 45, payInAdvance: true })
    await fixture.use('acme', 100, '2026-01-06T00:00:00Z')
    await fixture.advanceTo('2026-02-19T12:12:00Z')
    expect(await invoices()).toEqual(['create, 2026-02-19T12:12:00Z, Pro (free trial until 2026-02-19) 10/28 = 1107'])
  })
  test('starts with a subscription that starts later', async () => {
    const { id } = await begin({ payInAdvance: true }, { startedAt: Temporal.Instant.from('2026-01-10T00:00:00Z') })
    await fixture.advanceTo('2026-01-10T00:00:00Z')
    expect((await current(id)).status).toBe('trial_active')
    await fixture.advanceTo('2026-01-20T00:00:00Z')
    expect(await invoices()).toEqual(['create, 2026-01-20T00:00:00Z, Pro (free trial until 2026-01-20) 12/31 = 1200'])
    expect((await current(id)).status).toBe('active')
  })
})

test('a paid trial is charged from the start', async () => {
  const { id, status } = await begin({ payInAdvance: true, trialKind: 'paid' })
  expect(status).toBe('trial_active')
  await fixture.advanceTo('2026-02-01T02:00:00Z')
  expect(await invoices()).toEqual([
    'create, 2026-01-05T12:12:00Z, Pro 27/31 = 2700',
    'cycle, 2026-02-01T00:00:00Z, Pro = 3100, Tokens = 0',
  ])
  expect((await current(id)).status).toBe('active')
})

describe('cancelling during a free trial', () => {
  async function cancel(id: string, at: 'now' | 'period_end'): Promise<void> {
    await fixture.within((transaction) => cancelSubscription(transaction, fixture.organizationId, id, at))
    await fixture.advanceTo('2026-02-10T00:00:00Z')
  }

  test.each([
    [true, ['cycle, 2026-01-15T12:12:00Z, Tokens = 100']],
    [false, ['cycle, 2026-01-15T12:12:00Z, Pro (free trial until 2026-01-15) 0/31 = 0, Tokens = 100']],
  ])('ends with the trial and owes no fee (in advance: %j)', async (payInAdvance, expected) => {
    const { id } = await begin({ payInAdvance })
    await fixture.use('acme', 100, '2026-01-06T00:00:00Z')
    await cancel(id, 'period_end')
    expect(await invoices()).toEqual(expected)
    expect(await current(id)).toMatchObject({ status: 'cancelled', nextBillingAt: null, nextLifecycleAt: null })
  })
  test('may end it at once', async () => {
    const { id } = await begin({ payInAdvance: true })
    await fixture.advanceTo('2026-01-06T00:00:00Z')
    await cancel(id, 'now')
    expect(await invoices()).toEqual(['cycle, 2026-01-06T00:00:00Z, Tokens = 0'])
    expect((await current(id)).status).toBe('cancelled')
  })
})

describe('a second subscription to the plan', () => {
  async function again(at: string, about: Partial<SubscriptionRequest> = {}): Promise<string[]> {
    const { id } = await begin({})
    await fixture.advanceTo('2026-01-06T00:00:00Z')
    await fixture.within((transaction) => cancelSubscription(transaction, fixture.organizationId, id, 'now'))
    await fixture.advanceTo(at)
    const { status, trialEndsAt } = await fixture.subscribe({ externalCustomerId: 'acme', planCode: 'pro', ...about })
    return [status, String(trialEndsAt)]
  }

  test('has what is left of the trial', async () => {
    expect(await again('2026-01-10T00:00:00Z')).toEqual(['trial_active', '2026-01-15T12:12:00Z'])
  })
  test('has no trial when it was used up', async () => {
    expect(await again('2026-01-20T00:00:00Z')).toEqual(['active', 'null'])
  })
  test('has the trial that is asked for', async () => {
    expect(await again('2026-01-20T00:00:00Z', { trial: { days: 3 } })).toEqual([
      'trial_active',
      '2026-01-23T00:00:00Z',
    ])
  })
})

test('what is known to end is paid in advance for its days only', async () => {
  await begin({ payInAdvance: true, trialPeriodDays: 0 }, { endedAt: Temporal.Instant.from('2026-02-10T12:00:00Z') })
  await fixture.advanceTo('2026-03-01T02:00:00Z')
  expect(await invoices()).toEqual([
    'create, 2026-01-05T12:12:00Z, Pro 27/31 = 2700',
    'cycle, 2026-02-01T00:00:00Z, Pro 10/28 = 1107, Tokens = 0',
    'cycle, 2026-02-10T12:00:00Z, Tokens = 0',
  ])
})
