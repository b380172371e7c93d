import { describe, expect, test } from 'vitest'
import type { InvoiceAnswer } from '../../../cli/demo/close-periods.ts'
import { findDifferences } from '../../../cli/demo/compare-invoices.ts'
import { expectedInvoices, expectedPrice } from '../../../cli/demo/expected-invoices.ts'
import { CURRENCY_DIGITS, type DemoPrice, type DemoRange, METRICS, PLANS } from '../../../cli/demo/price-list.ts'
import { scenarioOf } from '../../../cli/demo/scenario.ts'

const MAJOR = 10n ** 12n
const ranges: readonly DemoRange[] = [
  { from_value: '0', to_value: '10', per_unit_amount: '2', flat_amount: '1' },
  { from_value: '11', to_value: '20', per_unit_amount: '0.5', flat_amount: '3' },
  { from_value: '20', to_value: null, per_unit_amount: '0.125', flat_amount: '0' },
]
const graduated: DemoPrice = { charge_model: 'graduated', properties: { graduated_ranges: ranges } }
const volume: DemoPrice = { charge_model: 'volume', properties: { volume_ranges: ranges } }
const packages: DemoPrice = {
  charge_model: 'package',
  properties: { amount: '5', package_size: '10', free_units: '3' },
}

// Worked out by hand, in thousandths of a major unit.
test.each<[DemoPrice, [units: bigint, thousandths: bigint][]]>([
  [
    { charge_model: 'standard', properties: { amount: '0.125' } },
    [
      [0n, 0n],
      [3n, 375n],
    ],
  ],
  [
    graduated,
    [
      [0n, 1000n],
      [10n, 21_000n],
      [11n, 24_500n],
      [20n, 29_000n],
      [24n, 29_500n],
    ],
  ],
  [
    volume,
    [
      [0n, 1000n],
      [10n, 21_000n],
      [11n, 8500n],
      [20n, 13_000n],
      [24n, 3000n],
    ],
  ],
  [
    packages,
    [
      [0n, 0n],
      [3n, 0n],
      [4n, 5000n],
      [13n, 5000n],
      [14n, 10_000n],
    ],
  ],
])('$charge_model prices are those worked out by hand', (price, cases) => {
  expect(cases.map(([units]) => expectedPrice(price, units))).toEqual(cases.map(([, price]) => (price * MAJOR) / 1000n))
})

test('the plans use every charge model, charge both kinds of tokens each, and fit the scale of the check', () => {
  const charges = PLANS.flatMap((plan) => plan.charges)
  expect(new Set(charges.map((charge) => charge.charge_model)).size).toBe(4)
  for (const plan of PLANS) {
    expect(plan.charges.map(({ metric }) => metric)).toEqual(
      expect.arrayContaining(['context_tokens', 'generated_tokens']),
    )
    expect(CURRENCY_DIGITS).toHaveProperty(plan.currency)
  }
  expect(METRICS.map(({ event_code }) => event_code)).toEqual(METRICS.map(() => 'llm_request'))
  expect(JSON.stringify(charges).match(/\.\d{13,}/)).toBeNull()
})

describe('comparing', () => {
  const scenario = scenarioOf({
    requests: [
      { timestamp: '2023-11-16T00:00:00Z', contextTokens: 1_000_000, generatedTokens: 2000 },
      { timestamp: '2023-11-17T00:00:00Z', contextTokens: 500_000, generatedTokens: 0 },
    ],
    customerCount: 1,
    seed: 1,
  })
  const invoice: InvoiceAnswer = {
    number: 'INV-1',
    status: 'finalized',
    external_customer_id: 'customer-1',
    currency: 'USD',
    period_start: '2023-11-01T00:00:00Z',
    period_end: '2023-12-01T00:00:00Z',
    total_cents: 415,
    lines: [
      // 1,500,000 × 0.00000275 = 4.125, and 2,000 × 0.0000085 = 0.017: halves go up.
      { kind: 'usage', billable_metric_code: 'context_tokens', units: '1500000', amount_cents: 413 },
      { kind: 'usage', billable_metric_code: 'generated_tokens', units: '2000', amount_cents: 2 },
    ],
  }
  const expected = expectedInvoices(scenario)

  test('an invoice that is right has no differences', () => {
    expect(findDifferences(expected, [invoice])).toEqual([])
  })

  test.each<[string, InvoiceAnswer[], RegExp]>([
    ['a missing invoice', [], /customer-1 2023-11-01 has no invoice/],
    ['a second invoice', [invoice, invoice], /has an invoice too many/],
    ['a draft', [{ ...invoice, status: 'draft' }], /the status draft instead of finalized/],
    ['another total', [{ ...invoice, total_cents: 416 }], /the total 416 instead of 415/],
    ['another currency', [{ ...invoice, currency: 'EUR' }], /the currency EUR instead of USD/],
    ['a missing line', [{ ...invoice, lines: invoice.lines.slice(1) }], /units of context_tokens missing/],
  ])('%s is found', (_, actual, message) => {
    expect(findDifferences(expected, actual).join('\n')).toMatch(message)
  })
})
