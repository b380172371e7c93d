import { decimal, Exact, ZERO } from '../money/decimal.ts'
import { freeEventsWithin } from './percentage-allowance.ts'
import type { PercentageProperties } from './percentage-properties.ts'
import { isBounded } from './percentage-properties.ts'
import { priceEachTransaction } from './percentage-transactions.ts'
import type { Pricing, PricingStep, Quantity } from './pricing.ts'
import { pricingOf, pricingStep, requireEvents } from './pricing.ts'

/**
 * (units − free units) × rate / 100 + (events − free events) × fixed amount; without units nothing is due. Whichever
 * allowance is used up first ends the free part, and the event that reaches the end of the free units pays its fixed
 * amount. With bounds per transaction it is what `priceEachTransaction` says.
 */
export function pricePercentage(properties: PercentageProperties, quantity: Quantity): Pricing {
  if (isBounded(properties)) return priceEachTransaction(properties, quantity)
  const { units, fullUnits, eventsCount } = quantity
  const { freeUnits, freeEvents } = freePart(properties, quantity)
  const paidEvents = units.isZero() ? ZERO : Exact.max(decimal(eventsCount).minus(freeEvents), 0)
  const steps = [freeStep(freeUnits), paidStep(properties, { freeUnits, units, paidEvents })]
  return pricingOf(
    units,
    fullUnits,
    steps.filter((step) => !step.units.isZero() || !step.amount.isZero()),
  )
}

/** Whether the price depends on single events, and not only on how many there were and what they came to. */
export function percentageNeedsEvents(properties: PercentageProperties): boolean {
  const { fixed_amount, free_units_per_events, free_units_per_total_aggregation } = properties
  const hasFreeUnits = free_units_per_total_aggregation !== '0'
  return isBounded(properties) || free_units_per_events !== '0' || (hasFreeUnits && fixed_amount !== '0')
}

// The events are read only where they matter: nobody loads them for a rate alone.
function freePart(properties: PercentageProperties, quantity: Quantity): { freeUnits: Exact; freeEvents: Exact } {
  const allowedUnits = decimal(properties.free_units_per_total_aggregation)
  if (!percentageNeedsEvents(properties)) {
    return { freeUnits: Exact.min(allowedUnits, quantity.units), freeEvents: ZERO }
  }
  const allowedEvents = decimal(properties.free_units_per_events)
  const { units, count } = freeEventsWithin(requireEvents(quantity), { allowedUnits, allowedEvents })
  return { freeUnits: Exact.min(units, quantity.units), freeEvents: count }
}

function freeStep(units: Exact): PricingStep {
  return pricingStep({ fromValue: ZERO, toValue: units, units, perUnitAmount: ZERO, flatAmount: ZERO })
}

function paidStep(
  { rate, fixed_amount }: PercentageProperties,
  { freeUnits, units, paidEvents }: { freeUnits: Exact; units: Exact; paidEvents: Exact },
): PricingStep {
  return pricingStep({
    fromValue: freeUnits,
    toValue: null,
    units: units.minus(freeUnits),
    perUnitAmount: decimal(rate).div(100),
    flatAmount: ZERO,
    transactions: { count: paidEvents, amountEach: decimal(fixed_amount) },
  })
}
