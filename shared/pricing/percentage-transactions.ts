import { decimal, Exact, ZERO } from '../money/decimal.ts'
import type { PercentageProperties } from './percentage-properties.ts'
import type { Pricing, PricingStep, Quantity } from './pricing.ts'
import { pricingOf, pricingStep, requireEvents } from './pricing.ts'

/** What the events of one kind came to. */
interface Sum {
  readonly units: Exact
  readonly count: Exact
}

const ONE = new Exact(1)

type Outcome = 'free' | 'rated' | 'raised' | 'lowered'

/**
 * Σ over the paid events of value × rate / 100 + fixed amount, raised to the minimum or lowered to the maximum of a
 * transaction. Free events cost nothing, not even the minimum. They are the first ones by count; or, where units are
 * free, those that these cover whole, and the event in which they end is rated on the rest. Free units go before free
 * events where both are given. An event below zero is rated as one of zero.
 */
export function priceEachTransaction(properties: PercentageProperties, quantity: Quantity): Pricing {
  const sums = new Map<Outcome, Sum>()
  let freeUnitsLeft = decimal(properties.free_units_per_total_aggregation)
  let freeEventsLeft = freeUnitsLeft.isZero() ? decimal(properties.free_units_per_events) : ZERO
  for (const event of requireEvents(quantity)) {
    const value = Exact.max(event.value, 0)
    const isFree = freeEventsLeft.greaterThan(0) || (freeUnitsLeft.greaterThan(0) && !value.greaterThan(freeUnitsLeft))
    const freeUnits = isFree ? value : freeUnitsLeft
    freeEventsLeft = Exact.max(freeEventsLeft.minus(1), 0)
    freeUnitsLeft = Exact.max(freeUnitsLeft.minus(value), 0)
    const paid = value.minus(freeUnits)
    if (!freeUnits.isZero()) add(sums, 'free', { units: freeUnits, count: isFree ? ONE : ZERO })
    if (!isFree) add(sums, outcomeOf(properties, paid), { units: paid, count: ONE })
  }
  return pricingOf(quantity.units, quantity.fullUnits, stepsOf(properties, sums))
}

function outcomeOf({ rate, fixed_amount, ...bounds }: PercentageProperties, units: Exact): Outcome {
  const amount = units.times(rate).div(100).plus(fixed_amount)
  const { per_transaction_min_amount: minimum, per_transaction_max_amount: maximum } = bounds
  if (minimum !== null && amount.lessThan(minimum)) return 'raised'
  return maximum !== null && amount.greaterThan(maximum) ? 'lowered' : 'rated'
}

function add(sums: Map<Outcome, Sum>, outcome: Outcome, { units, count }: Sum): void {
  const sum = sums.get(outcome) ?? { units: ZERO, count: ZERO }
  sums.set(outcome, { units: sum.units.plus(units), count: sum.count.plus(count) })
}

function stepsOf(properties: PercentageProperties, sums: ReadonlyMap<Outcome, Sum>): PricingStep[] {
  return [...sums].map(([outcome, { units, count }]) =>
    pricingStep({
      fromValue: ZERO,
      toValue: null,
      units,
      perUnitAmount: outcome === 'rated' ? decimal(properties.rate).div(100) : ZERO,
      flatAmount: ZERO,
      transactions: { count, amountEach: amountEach(properties, outcome) },
    }),
  )
}

function amountEach(properties: PercentageProperties, outcome: Outcome): Exact {
  const amounts = {
    free: '0',
    rated: properties.fixed_amount,
    raised: properties.per_transaction_min_amount ?? '0',
    lowered: properties.per_transaction_max_amount ?? '0',
  }
  return decimal(amounts[outcome])
}
