import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BillingPeriod } from '../../../shared/calendar/billing-period.ts'
import { billingPeriodAt } from '../../../shared/calendar/billing-period.ts'
import type { UsageComponent } from '../../../shared/invoicing/components.ts'
import { WHOLE } from '../../../shared/invoicing/portions.ts'
import { rateSubscription } from '../../../shared/invoicing/rate-subscription.ts'
import type { RatedLine } from '../../../shared/invoicing/rated-line.ts'
import { decimal } from '../../../shared/money/decimal.ts'
import type { ChargeModifiers } from '../../../shared/pricing/modifiers.ts'
import { decimalTexts } from '../pricing/arbitrary-charges.ts'
import { chargeOf } from '../pricing/charge-of.ts'

const february = billingPeriodAt({
  startedAt: Temporal.Instant.from('2024-01-01T00:00:00Z'),
  interval: 'monthly',
  billingTime: 'calendar',
  timeZone: 'UTC',
  at: Temporal.Instant.from('2024-02-01T00:00:00Z'),
})
const tenDays: BillingPeriod = { ...february, billedDays: 10 }

function rate(
  units: string,
  modifiers: ChargeModifiers,
  { period = february, isRunning = false }: { period?: BillingPeriod; isRunning?: boolean } = {},
): RatedLine[] {
  const component: UsageComponent = {
    kind: 'usage',
    id: 'tokens',
    displayName: 'Tokens',
    metric: { code: 'tokens', name: 'Tokens' },
    charge: chargeOf('standard', { amount: '1' }),
    modifiers,
  }
  const usage = new Map([['tokens', [{ ...WHOLE, units: decimal(units), eventsCount: 1n }]]])
  return rateSubscription({ currency: 'USD', period, components: [component], usage, isRunning })
}

function show(lines: readonly RatedLine[]): string[] {
  return lines.map(({ description, amountMinor }) => `${description} ${amountMinor}`)
}

describe('a minimum', () => {
  const minimum = { minAmountMinor: 10_000n }
  test('that is not reached is made up for by a line of its own', () => {
    expect(show(rate('40.5', minimum))).toEqual(['Tokens 4050', 'Tokens: up to the minimum 5950'])
  })
  test('is due without usage', () => {
    expect(show(rate('0', minimum))).toEqual(['Tokens 0', 'Tokens: up to the minimum 10000'])
  })
  test.each(['100', '101'])('that %s units reach adds nothing', (units) => {
    expect(rate(units, minimum)).toHaveLength(1)
  })
  test('is prorated by the days of the period, and says so', () => {
    const lines = rate('10', minimum, { period: tenDays })
    expect(show(lines)).toEqual(['Tokens 1000', 'Tokens: up to the minimum 2448'])
    expect(lines[1]?.proration).toEqual({ billedDays: 10, periodDays: 29 })
  })
  test('is not due while the period runs', () => {
    expect(rate('10', minimum, { isRunning: true })).toHaveLength(1)
  })
  test('counts what the charge came to after discounts and maximum', () => {
    const modifiers = { ...minimum, percentageDiscount: decimal('50'), maxAmountMinor: 3000n }
    expect(show(rate('80', modifiers))).toEqual(['Tokens 3000', 'Tokens: up to the minimum 7000'])
  })
  test('and the line of the charge come to the rounded minimum, however either was rounded', () => {
    fc.assert(
      fc.property(
        decimalTexts(200, 4),
        fc.bigInt(0n, 20_000n),
        fc.integer({ min: 1, max: 29 }),
        (units, minAmountMinor, billedDays) => {
          const lines = rate(units, { minAmountMinor }, { period: { ...february, billedDays } })
          const charged = lines[0]?.amountMinor ?? 0n
          const due = (2n * minAmountMinor * BigInt(billedDays) + 29n) / 58n
          expect(lines.reduce((sum, line) => sum + line.amountMinor, 0n)).toBe(charged > due ? charged : due)
        },
      ),
    )
  })
})

test('a line carries the adjustments of its modifiers, and none where there were none', () => {
  const [capped] = rate('50', { maxAmountMinor: 3000n })
  expect(capped?.adjustments?.map(({ kind, amount }) => `${kind} ${amount.toFixed()}`)).toEqual(['maximum_spend -20'])
  expect(rate('5', { maxAmountMinor: 3000n })[0]).not.toHaveProperty('adjustments')
})
