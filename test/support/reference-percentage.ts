import { compare, type Fraction, fraction, least, most, NOTHING, plus, times } from './fraction.ts'
import { pieces } from './reference-ranges.ts'
import type { PricedUsage } from './sent-charge.ts'
import { amountIn, type SentProperties } from './sent-charge.ts'

const TENTH = fraction('0.1')
const HUNDREDTH = fraction('0.01')

function isBounded(properties: SentProperties): boolean {
  return properties['per_transaction_min_amount'] != null || properties['per_transaction_max_amount'] != null
}

/** Whether single events say what is free, or what one event costs at least or at most. */
export function hasAllowances(properties: SentProperties): boolean {
  const free = plus(
    amountIn(properties, 'free_units_per_events'),
    amountIn(properties, 'free_units_per_total_aggregation'),
  )
  return isBounded(properties) || free.top > 0n
}

/** A rate of the units and a fixed amount for each event, after what is free. */
export function percentagePrice(properties: SentProperties, { units, eventsCount, events }: PricedUsage): Fraction {
  if (units.top === 0n && !isBounded(properties)) return NOTHING
  if (hasAllowances(properties)) return walkEvents(properties, events)
  const fixed = times(amountIn(properties, 'fixed_amount'), fraction(eventsCount))
  return plus(times(units, times(amountIn(properties, 'rate'), HUNDREDTH)), fixed)
}

// The free part ends with whichever allowance is used up first; with bounds, that of events counts only without one of units.
function walkEvents(properties: SentProperties, events: PricedUsage['events']): Fraction {
  const [bounded, rate] = [isBounded(properties), times(amountIn(properties, 'rate'), HUNDREDTH)]
  const freeUnits = amountIn(properties, 'free_units_per_total_aggregation')
  const limitsUnits = freeUnits.top > 0n
  const freeEvents = bounded && limitsUnits ? NOTHING : amountIn(properties, 'free_units_per_events')
  let [walked, price] = [NOTHING, NOTHING]
  for (const [index, { value }] of events.entries()) {
    const freeByCount = freeEvents.top === 0n ? limitsUnits : compare(fraction(index), freeEvents) < 0
    let paid = NOTHING
    for (const { piece } of pieces(value, TENTH)) {
      walked = plus(walked, piece)
      if (!freeByCount || (limitsUnits && compare(walked, freeUnits) > 0)) paid = plus(paid, times(piece, rate))
    }
    const left = compare(freeUnits, walked)
    const isFree = freeByCount && (!limitsUnits || left > 0 || (left === 0 && bounded && value.top > 0n))
    if (!isFree) price = plus(price, withinBounds(properties, plus(paid, amountIn(properties, 'fixed_amount'))))
  }
  return price
}

function withinBounds(properties: SentProperties, price: Fraction): Fraction {
  const raised = most(price, amountIn(properties, 'per_transaction_min_amount'))
  if (properties['per_transaction_max_amount'] == null) return raised
  return least(raised, amountIn(properties, 'per_transaction_max_amount'))
}
