import { expect, test } from 'vitest'
import { openSubscription, type SubscriptionTerms } from '../../../shared/subscriptions/open-subscription.ts'

const NOW = Temporal.Instant.from('2026-04-10T00:00:00Z')

function open(about: Partial<SubscriptionTerms>): (string | undefined)[] {
  const terms: SubscriptionTerms = {
    startedAt: Temporal.Instant.from('2026-01-15T09:00:00Z'),
    endedAt: null,
    interval: 'monthly',
    billingTime: 'calendar',
    timeZone: 'UTC',
    paysInAdvance: false,
    trialEndsAt: null,
    trialKind: 'free',
    trialUsage: 'billed',
    ...about,
  }
  const { status, currentPeriodStart, nextBillingAt } = openSubscription(terms, NOW)
  return [status, currentPeriodStart?.toString(), nextBillingAt?.toString()]
}

test.each<[string, Partial<SubscriptionTerms>, (string | undefined)[]]>([
  ['begins with the period that runs now', {}, ['active', '2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z']],
  [
    'begins with its first period when all are to be billed',
    { backfillInvoices: true },
    ['active', '2026-01-15T09:00:00Z', '2026-02-01T00:00:00Z'],
  ],
  [
    'owes its first fee in advance at its start when all are to be billed',
    { backfillInvoices: true, paysInAdvance: true },
    ['active', '2026-01-15T09:00:00Z', '2026-01-15T09:00:00Z'],
  ],
  [
    'waits for a later start, whatever is to be billed',
    { backfillInvoices: true, startedAt: Temporal.Instant.from('2026-05-01T00:00:00Z') },
    ['pending_activation', undefined, undefined],
  ],
  [
    'is in its trial until that ends',
    { trialEndsAt: Temporal.Instant.from('2026-04-10T00:00:00.000001Z') },
    ['trial_active', '2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z'],
  ],
  [
    'is active when its trial is over, and owes the fee since then',
    { trialEndsAt: NOW, paysInAdvance: true },
    ['active', '2026-04-01T00:00:00Z', '2026-04-10T00:00:00Z'],
  ],
  [
    'owes no fee in advance before a free trial ends',
    { trialEndsAt: Temporal.Instant.from('2026-06-15T09:00:00Z'), paysInAdvance: true },
    ['trial_active', '2026-04-01T00:00:00Z', '2026-05-01T00:00:00Z'],
  ],
  [
    'owes its fee in advance from the start of a paid trial',
    { trialEndsAt: Temporal.Instant.from('2026-06-15T09:00:00Z'), paysInAdvance: true, trialKind: 'paid' },
    ['trial_active', '2026-04-01T00:00:00Z', '2026-04-01T00:00:00Z'],
  ],
])('a subscription %s', (_rule, about, expected) => {
  expect(open(about)).toEqual(expected)
})
