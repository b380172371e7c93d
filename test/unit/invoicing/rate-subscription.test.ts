import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BillingPeriod, BillingSchedule } from '../../../shared/calendar/billing-period.ts'
import { billingPeriodAt, nextBillingPeriod, truncatePeriod } from '../../../shared/calendar/billing-period.ts'
import type { ComponentUsage, RateComponent, UsageComponent } from '../../../shared/invoicing/components.ts'
import { invoiceTotals } from '../../../shared/invoicing/invoice-totals.ts'
import { WHOLE } from '../../../shared/invoicing/portions.ts'
import { rateSubscription } from '../../../shared/invoicing/rate-subscription.ts'
import type { RatedLine } from '../../../shared/invoicing/rated-line.ts'
import { sliceAmountMinor } from '../../../shared/invoicing/slice-amount.ts'
import { decimal, ZERO } from '../../../shared/money/decimal.ts'
import type { Charge } from '../../../shared/pricing/charge-models.ts'
import { charges, eventLists, usageOfEvents } from '../pricing/arbitrary-charges.ts'
import { chargeOf } from '../pricing/charge-of.ts'

const startedAt = Temporal.Instant.from('2024-01-22T09:00:00Z')
const schedule: BillingSchedule = { startedAt, interval: 'monthly', billingTime: 'calendar', timeZone: 'UTC' }
const january = billingPeriodAt({ ...schedule, at: startedAt })
const february = nextBillingPeriod(schedule, january)

function fee(amountMinor: bigint, timing: 'advance' | 'arrears' = 'arrears'): RateComponent {
  return { kind: 'rate', id: 'fee', displayName: 'Pro plan', amountMinor, timing }
}

function usage(id: string, charge: Charge): UsageComponent {
  return { kind: 'usage', id, displayName: `Usage of ${id}`, metric: { code: id, name: id }, charge }
}

const perUnit = (amount: string): Charge => chargeOf('standard', { amount })

function used(counts: Record<string, string>): ReadonlyMap<string, readonly ComponentUsage[]> {
  return new Map(
    Object.entries(counts).map(([id, units]) => [id, [{ ...WHOLE, units: decimal(units), eventsCount: 7n }]]),
  )
}

/** A line in short: what, how many at how much, exact amount, minor units. */
function show(line: RatedLine): string {
  const days = line.proration === undefined ? '' : ` (${line.proration.billedDays}/${line.proration.periodDays})`
  const priced = `${line.units.toFixed()} × ${line.unitAmount.toFixed()}${days}`
  return `${line.componentId}: ${priced} = ${line.amount.toDecimalPlaces(6).toFixed()} → ${line.amountMinor}`
}

describe('a fixed fee', () => {
  const rate = (component: RateComponent, period: BillingPeriod, currency = 'USD'): string[] =>
    rateSubscription({ currency, period, components: [component], usage: new Map() }).map(show)

  test('is due whole for a whole period', () => {
    expect(rate(fee(3000n), february)).toEqual(['fee: 1 × 30 = 30 → 3000'])
  })
  test('is prorated by days, divided once and rounded once', () => {
    expect(rate(fee(3000n), january)).toEqual(['fee: 1 × 30 (10/31) = 9.677419 → 968'])
    expect(rate(fee(999n), { ...january, billedDays: 46, periodDays: 92 })).toEqual([
      'fee: 1 × 9.99 (46/92) = 4.995 → 500',
    ])
  })
  test('rounds to the minor unit of its currency', () => {
    expect(rate(fee(3000n), january, 'JPY')).toEqual(['fee: 1 × 3000 (10/31) = 967.741935 → 968'])
    expect(rate(fee(3000n), january, 'KWD')).toEqual(['fee: 1 × 3 (10/31) = 0.967742 → 968'])
  })
  test('is due for the days up to an end', () => {
    const ended = truncatePeriod(february, Temporal.Instant.from('2024-02-10T12:00:00Z'), 'UTC')
    expect(rate(fee(2900n), ended)).toEqual(['fee: 1 × 29 (10/29) = 10 → 1000'])
  })
  test('of zero has no line', () => {
    expect(rate(fee(0n), february)).toEqual([])
  })
  test('below zero is a fault', () => {
    expect(() => rate(fee(-100n), february)).toThrow(/below zero/)
  })
  test('in arrears is due for the period that is over, in advance for the one that begins', () => {
    const both = { period: january, advancePeriod: february, currency: 'USD', usage: new Map() }
    const [arrears] = rateSubscription({ ...both, components: [fee(3100n, 'arrears')] })
    const [advance] = rateSubscription({ ...both, components: [fee(3100n, 'advance')] })
    expect([arrears?.periodEnd, advance?.periodStart, advance?.amountMinor].join(' ')).toBe(
      '2024-02-01T00:00:00Z 2024-02-01T00:00:00Z 3100',
    )
  })
  test('in advance is not due when no period follows, nor in arrears when none is over', () => {
    const none = { currency: 'USD', usage: new Map() }
    expect(rateSubscription({ ...none, period: january, components: [fee(3100n, 'advance')] })).toEqual([])
    expect(
      rateSubscription({ ...none, advancePeriod: january, components: [fee(3100n), usage('tokens', perUnit('1'))] }),
    ).toEqual([])
  })
})

describe('usage', () => {
  test('has one line a component, in their order, rounded once a line', () => {
    const lines = rateSubscription({
      currency: 'USD',
      period: january,
      components: [usage('context', perUnit('0.000003')), fee(3100n), usage('generated', perUnit('0.0000151'))],
      usage: used({ generated: '1000', context: '1500' }),
    })
    expect(lines.map(show)).toEqual([
      'context: 1500 × 0.000003 = 0.0045 → 0',
      'fee: 1 × 31 (10/31) = 10 → 1000',
      'generated: 1000 × 0.0000151 = 0.0151 → 2',
    ])
  })
  test('carries all that explains it', () => {
    const component = usage('tokens', chargeOf('package', { amount: '2', package_size: 10, free_units: 5 }))
    const [line] = rateSubscription({
      currency: 'EUR',
      period: january,
      components: [component],
      usage: used({ tokens: '16' }),
    })
    expect(
      JSON.parse(
        JSON.stringify({ ...line, amountMinor: String(line?.amountMinor), eventsCount: String(line?.eventsCount) }),
      ),
    ).toEqual({
      kind: 'usage',
      componentId: 'tokens',
      description: 'Usage of tokens',
      metricCode: 'tokens',
      units: '16',
      eventsCount: '7',
      unitAmount: '0.363636363636363636363636363636',
      amount: '4',
      amountMinor: '400',
      currency: 'EUR',
      periodStart: '2024-01-22T09:00:00Z',
      periodEnd: '2024-02-01T00:00:00Z',
      steps: [
        { fromValue: '0', toValue: '5', units: '5', perUnitAmount: '0', flatAmount: '0', amount: '0' },
        {
          fromValue: '5',
          toValue: null,
          units: '11',
          perUnitAmount: '0',
          flatAmount: '0',
          packages: { count: '2', size: '10', amountEach: '2' },
          amount: '4',
        },
      ],
    })
  })
  test('that did not happen still has its line', () => {
    const components = [usage('tokens', perUnit('1'))]
    const lines = rateSubscription({ currency: 'USD', period: january, components, usage: new Map() })
    expect(lines.map(show)).toEqual(['tokens: 0 × 0 = 0 → 0'])
  })
  test('below zero is shown and priced as none', () => {
    const components = [usage('tokens', perUnit('1'))]
    const lines = rateSubscription({ currency: 'USD', period: january, components, usage: used({ tokens: '-3' }) })
    expect(lines.map(show)).toEqual(['tokens: 0 × 0 = 0 → 0'])
  })
  test('is not prorated in a partial period', () => {
    const components = [usage('tokens', perUnit('1'))]
    const lines = rateSubscription({ currency: 'USD', period: january, components, usage: used({ tokens: '31' }) })
    expect(lines.map(show)).toEqual(['tokens: 31 × 1 = 31 → 3100'])
  })
})

describe('totals', () => {
  test('are the sums of the rounded lines', () => {
    const lines = [1n, 2n, 40n].map((amountMinor) => ({ amountMinor, currency: 'USD' }))
    expect(invoiceTotals('USD', lines)).toEqual({ currency: 'USD', subtotalMinor: 43n, taxMinor: 0n, totalMinor: 43n })
  })
  test('of no lines are zero', () => {
    expect(invoiceTotals('JPY', [])).toEqual({ currency: 'JPY', subtotalMinor: 0n, taxMinor: 0n, totalMinor: 0n })
  })
  test('never mix currencies', () => {
    expect(() => invoiceTotals('USD', [{ amountMinor: 1n, currency: 'EUR' }])).toThrow(/another currency/)
  })
})

test('splitting a period never changes an invoice', () => {
  fc.assert(
    fc.property(charges, eventLists, (charge, events) => {
      const rate = (count: number): RatedLine | undefined => {
        const counted = new Map([['tokens', [{ ...WHOLE, eventsCount: 0n, ...usageOfEvents(events.slice(0, count)) }]]])
        const components = [usage('tokens', charge)]
        return rateSubscription({ currency: 'USD', period: january, components, usage: counted })[0]
      }
      let billedMinor = 0n
      for (const count of events.keys()) {
        const cumulative = rate(count + 1)?.amount ?? ZERO
        billedMinor += sliceAmountMinor({ cumulative, billedMinor, currency: 'USD' })
      }
      expect(billedMinor).toBe(events.length === 0 ? 0n : rate(events.length)?.amountMinor)
    }),
  )
})

test('the fees of the two parts of a cut period add up to at most a day more than the whole', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 29 * 24 * 60 - 1 }),
      fc.bigInt({ min: 1n, max: 10n ** 7n }),
      (minutes, amountMinor) => {
        const cut = february.start.add({ minutes })
        const before = truncatePeriod(february, cut, 'UTC')
        const after = billingPeriodAt({ ...schedule, startedAt: cut, at: cut })
        const days = before.billedDays + after.billedDays
        expect(days - february.periodDays).toBe(minutes % (24 * 60) === 0 ? 0 : 1)
        const amounts = [before, after].map(
          (period) =>
            rateSubscription({ currency: 'USD', period, components: [fee(amountMinor)], usage: new Map() })[0]
              ?.amount ?? ZERO,
        )
        const total = amounts.reduce((sum, amount) => sum.plus(amount), ZERO)
        const exact = decimal(amountMinor * BigInt(days)).div(29 * 100)
        expect(total.minus(exact).abs().lessThan('1e-80')).toBe(true)
      },
    ),
  )
})
