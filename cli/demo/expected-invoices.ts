import {
  CURRENCY_DIGITS,
  type DemoCharge,
  type DemoCurrency,
  type DemoPrice,
  type DemoRange,
  type MetricCode,
} from './price-list.ts'
import type { DemoCustomer, Scenario } from './scenario.ts'

/** What an invoice must come to. */
export interface ExpectedInvoice {
  readonly customerId: string
  /** The first day of the month. */
  readonly month: string
  readonly currency: DemoCurrency
  /** By metric code, for what the plan charges. */
  readonly units: ReadonlyMap<string, bigint>
  readonly amountsMinor: ReadonlyMap<string, bigint>
  readonly totalMinor: bigint
}

// The check is worth something because nothing of the engine is used here: sums and prices are integers, an amount is
// counted in millionths of a millionth of a major unit, and tiers are added up as changes of the price at their bounds.
const SCALE_DIGITS = 12

/** One invoice per customer and month, by another way than the engine's, straight from the requests. */
export function expectedInvoices(scenario: Scenario): ExpectedInvoice[] {
  const used = sumUsage(scenario)
  return scenario.months.flatMap((month) =>
    scenario.customers.map((customer) =>
      expectedInvoice(customer, month, used.get(usageKey(customer.externalId, month)) ?? NOTHING),
    ),
  )
}

/** The price of whole units, in 10⁻¹² of a major unit. */
export function expectedPrice({ charge_model, properties }: DemoPrice, units: bigint): bigint {
  switch (charge_model) {
    case 'standard':
      return units * scaled(properties.amount)
    case 'graduated':
      return priceByBounds(properties.graduated_ranges, units)
    case 'volume': {
      const range = properties.volume_ranges.findLast((_, index, all) => index === 0 || units > lowerBound(all, index))
      return units * scaled(range?.per_unit_amount ?? '') + scaled(range?.flat_amount ?? '')
    }
    case 'package': {
      const size = BigInt(properties.package_size)
      const beyondFree = units - BigInt(properties.free_units)
      return beyondFree <= 0n ? 0n : ((beyondFree + size - 1n) / size) * scaled(properties.amount)
    }
  }
}

type Usage = Readonly<Record<MetricCode, bigint>>

const NOTHING: Usage = { context_tokens: 0n, generated_tokens: 0n, requests: 0n }

function sumUsage({ requests, madeBy }: Scenario): ReadonlyMap<string, Usage> {
  const sums = new Map<string, Usage>()
  for (const [index, { timestamp, contextTokens, generatedTokens }] of requests.entries()) {
    const key = usageKey(madeBy[index]?.externalId ?? '', `${timestamp.slice(0, 7)}-01`)
    const sum = sums.get(key) ?? NOTHING
    sums.set(key, {
      context_tokens: sum.context_tokens + BigInt(contextTokens),
      generated_tokens: sum.generated_tokens + BigInt(generatedTokens),
      requests: sum.requests + 1n,
    })
  }
  return sums
}

function expectedInvoice({ externalId, plan }: DemoCustomer, month: string, usage: Usage): ExpectedInvoice {
  const units = new Map(plan.charges.map(({ metric }) => [metric, usage[metric]]))
  const amountsMinor = new Map(
    plan.charges.map((charge) => [charge.metric, amountMinor(charge, usage[charge.metric], plan.currency)]),
  )
  const totalMinor = [...amountsMinor.values()].reduce((sum, amount) => sum + amount, BigInt(plan.amount_cents))
  return { customerId: externalId, month, currency: plan.currency, units, amountsMinor, totalMinor }
}

// Half of the last unit is added and the rest cut off, which rounds halves up; nothing here is below zero.
function amountMinor(charge: DemoCharge, units: bigint, currency: DemoCurrency): bigint {
  const perMinor = 10n ** BigInt(SCALE_DIGITS - CURRENCY_DIGITS[currency])
  return (2n * expectedPrice(charge, units) + perMinor) / (2n * perMinor)
}

// Every unit costs the first price; above a bound each costs the difference to the price before on top.
function priceByBounds(ranges: readonly DemoRange[], units: bigint): bigint {
  return ranges.reduce((sum, range, index) => {
    const above = units - lowerBound(ranges, index)
    if (index > 0 && above <= 0n) return sum
    const step = scaled(range.per_unit_amount) - scaled(ranges[index - 1]?.per_unit_amount ?? '0')
    return sum + above * step + scaled(range.flat_amount)
  }, 0n)
}

function lowerBound(ranges: readonly DemoRange[], index: number): bigint {
  return BigInt(ranges[index - 1]?.to_value ?? '0')
}

function scaled(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.')
  return BigInt(whole + fraction.padEnd(SCALE_DIGITS, '0'))
}

function usageKey(customerId: string, month: string): string {
  return `${month} ${customerId}`
}
