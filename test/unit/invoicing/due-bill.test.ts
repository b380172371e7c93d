import fc from 'fast-check'
import { expect, test } from 'vitest'
import { billingPeriodAt } from '../../../shared/calendar/billing-period.ts'
import { type BillingState, type DueBill, dueBill } from '../../../shared/invoicing/due-bill.ts'

const instant = (text: string) => Temporal.Instant.from(text)

function opened(about: Partial<BillingState> & { startedAt: Temporal.Instant }, paysInAdvance = false): BillingState {
  const schedule = { interval: 'monthly', billingTime: 'calendar', timeZone: 'UTC', ...about } as const
  const period = billingPeriodAt({ ...schedule, at: about.startedAt })
  return {
    endedAt: null,
    currentPeriodStart: period.start,
    currentPeriodEnd: period.end,
    nextBillingAt: paysInAdvance ? period.start : period.end,
    ...schedule,
  }
}

// Bills one after the other until the subscription has none left or the count is reached.
function billsOf(state: BillingState, count: number): DueBill[] {
  const bill = dueBill(state)
  const { currentPeriodStart, currentPeriodEnd, nextBillingAt } = bill.next
  if (count === 1 || currentPeriodStart === null || currentPeriodEnd === null || nextBillingAt === null) return [bill]
  return [bill, ...billsOf({ ...state, currentPeriodStart, currentPeriodEnd, nextBillingAt }, count - 1)]
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
    'subscription_cycle 2026-02-01T00:00:00Z: 2026-01-20T06:00:00Z to 2026-02-01T00:00:00Z, then to 2026-03-01T00:00:00Z',
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
