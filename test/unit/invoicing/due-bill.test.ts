import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assert } from '../../../shared/errors.ts'
import { type BillingState, type DueBill, dueBill } from '../../../shared/invoicing/due-bill.ts'
import { type FeePeriod, feePeriod } from '../../../shared/invoicing/trial-periods.ts'
import { startedState } from '../../../shared/subscriptions/open-subscription.ts'
import { trialEnd } from '../../../shared/subscriptions/trial.ts'

const instant = (text: string) => Temporal.Instant.from(text)

function opened(about: Partial<BillingState> & { startedAt: Temporal.Instant }, paysInAdvance = false): BillingState {
  const terms = {
    interval: 'monthly',
    billingTime: 'calendar',
    timeZone: 'UTC',
    endedAt: null,
    trialEndsAt: null,
    trialKind: 'free',
    trialUsage: 'billed',
    paysInAdvance,
    ...about,
  } as const
  const { currentPeriodStart, currentPeriodEnd, nextBillingAt } = startedState(terms, about.startedAt)
  assert(currentPeriodStart !== null && currentPeriodEnd !== null && nextBillingAt !== null, 'it has started')
  return { nextTimeZone: terms.timeZone, ...terms, currentPeriodStart, currentPeriodEnd, nextBillingAt }
}

// Bills one after the other until the subscription has none left or the count is reached.
function billsOf(state: BillingState, count: number): DueBill[] {
  const bill = dueBill(state)
  const { currentPeriodStart, currentPeriodEnd, nextBillingAt, timeZone } = bill.next
  if (count === 1 || currentPeriodStart === null || currentPeriodEnd === null || nextBillingAt === null) return [bill]
  return [bill, ...billsOf({ ...state, currentPeriodStart, currentPeriodEnd, nextBillingAt, timeZone }, count - 1)]
}

const shown = ({ kind, dueAt, period, advancePeriod }: DueBill) =>
  `${kind} ${dueAt}: ${period?.start ?? '–'} to ${period?.end ?? '–'}, then to ${advancePeriod?.end ?? '–'}`

test('in arrears, every period is billed once at its end', () => {
  expect(billsOf(opened({ startedAt: instant('2026-01-20T06:00:00Z') }), 2).map(shown)).toEqual([
    'subscription_cycle 2026-02-01T00:00:00Z: 2026-01-20T06:00:00Z to 2026-02-01T00:00:00Z, then to 2026-03-01T00:00:00Z',
    'subscription_cycle 2026-03-01T00:00:00Z: 2026-02-01T00:00:00Z to 2026-03-01T00:00:00Z, then to 2026-04-01T00:00:00Z',
  ])
})

test('in advance, the first bill is due at the start and bills nothing that is over', () => {
  const endedAt = instant('2026-02-10T12:00:00Z')
  expect(billsOf(opened({ startedAt: instant('2026-01-20T06:00:00Z'), endedAt }, true), 9).map(shown)).toEqual([
    'subscription_create 2026-01-20T06:00:00Z: – to –, then to 2026-02-01T00:00:00Z',
    'subscription_cycle 2026-02-01T00:00:00Z: 2026-01-20T06:00:00Z to 2026-02-01T00:00:00Z, then to 2026-02-10T12:00:00Z',
    'subscription_cycle 2026-02-10T12:00:00Z: 2026-02-01T00:00:00Z to 2026-02-10T12:00:00Z, then to –',
  ])
})

test('an end on the boundary of a period leaves no bill after it', () => {
  const state = opened({ startedAt: instant('2026-01-01T00:00:00Z'), endedAt: instant('2026-02-01T00:00:00Z') })
  expect(billsOf(state, 9).map(shown)).toEqual([
    'subscription_cycle 2026-02-01T00:00:00Z: 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z, then to –',
  ])
})

test('from start to end the billed periods tile the life of a subscription, in any zone and interval', () => {
  const at = fc.integer({ min: Date.UTC(2024, 0) / 1000, max: Date.UTC(2026, 0) / 1000 }).map((s) => s * 1000)
  fc.assert(
    fc.property(
      at,
      fc.integer({ min: 1, max: 400 * 86_400_000 }),
      fc.constantFrom('weekly', 'monthly', 'quarterly', 'yearly'),
      fc.constantFrom('calendar', 'anniversary'),
      fc.constantFrom('UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia'),
      fc.boolean(),
      (startMs, lifeMs, interval, billingTime, timeZone, inAdvance) => {
        const startedAt = Temporal.Instant.fromEpochMilliseconds(startMs)
        const endedAt = Temporal.Instant.fromEpochMilliseconds(startMs + lifeMs)
        const bills = billsOf(opened({ startedAt, endedAt, interval, billingTime, timeZone }, inAdvance), 200)
        const periods = bills.flatMap(({ period }) => (period === undefined ? [] : [period]))
        expect(periods[0]?.start.toString()).toBe(startedAt.toString())
        expect(periods.at(-1)?.end.toString()).toBe(endedAt.toString())
        for (const [index, period] of periods.entries()) {
          if (index > 0) expect(period.start.toString()).toBe(periods[index - 1]?.end.toString())
        }
        // What is paid in advance is every period that begins before the end, each once.
        const advance = bills.flatMap(({ advancePeriod }) =>
          advancePeriod === undefined ? [] : [String(advancePeriod.start)],
        )
        const begun = periods.map(({ start }) => String(start))
        expect(advance).toEqual(inAdvance ? begun : begun.slice(1))
      },
    ),
    { numRuns: 200 },
  )
})

const days = (period: { billedDays: number; periodDays: number } | undefined) =>
  period === undefined ? '–' : `${period.billedDays}/${period.periodDays}`

const paid = ({ kind, dueAt, advancePeriod }: DueBill) => `${kind} ${dueAt} ${days(advancePeriod)}`

test('what is known to end is paid in advance for its days only', () => {
  const endedAt = instant('2026-02-10T12:00:00Z')
  const state = opened({ startedAt: instant('2026-01-20T06:00:00Z'), endedAt }, true)
  expect(billsOf(state, 9).map(paid)).toEqual([
    'subscription_create 2026-01-20T06:00:00Z 12/31',
    'subscription_cycle 2026-02-01T00:00:00Z 10/28',
    'subscription_cycle 2026-02-10T12:00:00Z –',
  ])
})

describe('in a free trial', () => {
  const startedAt = instant('2026-01-05T12:12:00Z')
  const trial = (until: string, about: Partial<BillingState> = {}) =>
    opened({ startedAt, trialEndsAt: instant(until), ...about }, true)

  test('what is paid in advance is due when the trial ends, from that day on', () => {
    expect(billsOf(trial('2026-01-15T12:12:00Z'), 2).map(paid)).toEqual([
      'subscription_create 2026-01-15T12:12:00Z 17/31',
      'subscription_cycle 2026-02-01T00:00:00Z 28/28',
    ])
  })
  test('periods that it covers are closed without a fee for the next', () => {
    expect(billsOf(trial('2026-03-20T12:12:00Z'), 4).map(paid)).toEqual([
      'subscription_cycle 2026-02-01T00:00:00Z –',
      'subscription_cycle 2026-03-01T00:00:00Z –',
      'subscription_create 2026-03-20T12:12:00Z 12/31',
      'subscription_cycle 2026-04-01T00:00:00Z 30/30',
    ])
  })
  test('that ends on the day on which a period begins, there is one bill, at its end', () => {
    const bills = billsOf(trial('2026-02-05T12:12:00Z', { billingTime: 'anniversary' }), 2)
    expect(bills.map(paid)).toEqual([
      'subscription_cycle 2026-02-05T12:12:00Z 28/28',
      'subscription_cycle 2026-03-05T00:00:00Z 31/31',
    ])
    expect(bills[0]?.period?.end.toString()).toBe('2026-02-05T00:00:00Z')
  })
  test.each([
    ['before it is over', '2026-01-10T00:00:00Z'],
    ['with it', '2026-01-15T12:12:00Z'],
  ])('a subscription that ends %s never owes a fee', (_when, end) => {
    const state = trial('2026-01-15T12:12:00Z', { endedAt: instant(end) })
    const [bill, ...others] = billsOf({ ...state, nextBillingAt: instant(end) }, 9)
    expect([paid(bill as DueBill), others]).toEqual([`subscription_cycle ${end} –`, []])
    expect(days(feePeriod(bill?.period as FeePeriod, state))).toBe('0/31')
  })
  test('that is paid, fees are due as without one', () => {
    expect(billsOf(trial('2026-01-15T12:12:00Z', { trialKind: 'paid' }), 2).map(paid)).toEqual([
      'subscription_create 2026-01-05T12:12:00Z 27/31',
      'subscription_cycle 2026-02-01T00:00:00Z 28/28',
    ])
  })
})

describe('when the customer moves to another zone', () => {
  const moved = (timeZone: string, nextTimeZone: string, about: Partial<BillingState> = {}) =>
    billsOf(opened({ startedAt: instant('2026-01-01T12:00:00Z'), timeZone, nextTimeZone, ...about }), 3)
      .map(({ period }) => `${period?.start} ${period?.end} ${days(period)}`)
      .slice(0, 2)

  test.each([
    ['UTC', 'America/New_York', ['2026-02-01T00:00:00Z', '2026-03-01T05:00:00Z 28/28']],
    ['America/New_York', 'UTC', ['2026-02-01T05:00:00Z', '2026-03-01T00:00:00Z 28/28']],
    ['Pacific/Kiritimati', 'Pacific/Honolulu', ['2026-01-31T10:00:00Z', '2026-03-01T10:00:00Z 28/28']],
    // The first of February is over there before it begins.
    ['Pacific/Honolulu', 'Pacific/Kiritimati', ['2026-02-01T10:00:00Z', '2026-02-28T10:00:00Z 27/28']],
  ])('from %s to %s, the running period stays and the next one follows without a gap', (from, to, expected) => {
    const [first, second] = moved(from, to)
    expect(first?.split(' ')[1]).toBe(expected[0])
    expect(second).toBe(expected.join(' '))
  })
  test('periods of a day never begin after they are over', () => {
    expect(moved('Pacific/Honolulu', 'Pacific/Kiritimati', { interval: '1 days' })).toEqual([
      '2026-01-01T12:00:00Z 2026-01-02T10:00:00Z 1/1',
      '2026-01-02T10:00:00Z 2026-01-03T10:00:00Z 1/1',
    ])
  })
})

test('the days after a free trial are billed once each, in advance and in arrears, in any zone and interval', () => {
  const at = fc.integer({ min: Date.UTC(2024, 0) / 60_000, max: Date.UTC(2026, 0) / 60_000 })
  fc.assert(
    fc.property(
      at,
      fc.integer({ min: 1, max: 150 }),
      fc.integer({ min: 1, max: 400 * 24 * 60 }),
      fc.constantFrom('weekly', 'monthly', 'quarterly', '10 days'),
      fc.constantFrom('calendar', 'anniversary'),
      fc.constantFrom('UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia'),
      (startMinutes, trialDays, lifeMinutes, interval, billingTime, timeZone) => {
        const startedAt = Temporal.Instant.fromEpochMilliseconds(startMinutes * 60_000)
        const endedAt = startedAt.add({ minutes: lifeMinutes })
        const trialEndsAt = trialEnd({ startedAt, firstStartedAt: startedAt, days: trialDays, timeZone })
        const about = { startedAt, endedAt, interval, billingTime, timeZone, trialEndsAt } as const
        const arrears = billsOf(opened(about), 200).flatMap(({ period }) =>
          period === undefined ? [] : [feePeriod(period, { ...opened(about) }).billedDays],
        )
        const advance = billsOf(opened(about, true), 200).map(({ advancePeriod }) => advancePeriod?.billedDays ?? 0)
        const lastMoment = endedAt.subtract({ nanoseconds: 1 }).toZonedDateTimeISO(timeZone).toPlainDate()
        const firstDay = (trialEndsAt as Temporal.Instant).toZonedDateTimeISO(timeZone).toPlainDate()
        const expected =
          Temporal.Instant.compare(trialEndsAt as Temporal.Instant, endedAt) >= 0
            ? 0
            : firstDay.until(lastMoment, { largestUnit: 'days' }).days + 1
        const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
        expect([sum(arrears), sum(advance)]).toEqual([expected, expected])
      },
    ),
    { numRuns: 300 },
  )
})
