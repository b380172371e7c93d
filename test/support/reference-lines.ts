import {
  type Fraction,
  fraction,
  least,
  minus,
  most,
  NOTHING,
  ONE,
  over,
  plus,
  rounded,
  shown,
  times,
  total,
} from './fraction.ts'
import { heldLots } from './reference-held-lots.ts'
import type { ReferencePeriod, ReferenceWindow } from './reference-period.ts'
import { byPlace, type Portion, portionsOf, propertiesFor } from './reference-portions.ts'
import {
  looksAtEvents,
  minorUnits,
  referenceHeldPrice,
  referenceHeldUnits,
  referencePrice,
} from './reference-prices.ts'
import { type CountedEvent, countedEvents, type ReferenceEvent, type ReferenceSpan, textAt } from './reference-units.ts'
import type { DrawnCharge, PricedUsage, SentCharge, SentModifiers } from './sent-charge.ts'

/** What an invoice says of one part of a charge. */
export interface ReferenceLine {
  /** The place of the filter in the charge; null: what matches none; `minimum`: the line up to the minimum. */
  readonly filter: number | null | 'minimum'
  readonly groups: Readonly<Record<string, string | null>>
  readonly units: string
  readonly events: number
  readonly amount: string
  readonly minor: string
}

/** The lines that the events of a subscription come to; events after its period or not its own must not be among them. */
export function referenceLines(
  drawn: DrawnCharge,
  events: readonly ReferenceEvent[],
  { period, digits }: { period: ReferencePeriod; digits: number },
): ReferenceLine[] {
  const isHeld = drawn.metric.about.recurring === true
  const counted = countedEvents(drawn.metric, events).filter(({ at }) => isHeld || at >= period.start)
  // What came and went before the period is no usage of it.
  const used = portionsOf(drawn, counted).filter(
    ({ events: all }) => all.some(({ at }) => at >= period.start) || drawn.metric.units(all, period).top !== 0n,
  )
  const price = (portion: Portion) => afterModel(drawn, portionPrice(drawn, portion, { period, digits }))
  const unused = [...drawn.filters.keys(), null]
    .filter((filter) => used.every((portion) => portion.filter !== filter))
    .map((filter): Portion => ({ filter, groups: {}, events: [] }))
    .filter((portion) => minorUnits(price(portion), digits) > 0n)
  const billed = [...used, ...unused].sort(byPlace)
  const { max_amount_cents: maximum, min_amount_cents: minimum = 0 } = drawn.modifiers
  let spent = 0n
  const lines = (billed.length === 0 ? [{ filter: null, groups: {}, events: [] }] : billed).map((portion) => {
    const left = maximum === undefined ? undefined : over(fraction(BigInt(maximum) - spent), fraction(`1e${digits}`))
    const full = price(portion)
    const amount = left === undefined ? full : least(full, left)
    const minor = minorUnits(amount, digits)
    spent += minor
    const { filter, groups } = portion
    const inPeriod = portion.events.filter(({ at }) => at >= period.start).length
    return {
      filter,
      groups,
      units: shown(unitsOf(drawn, portion.events, period)),
      events: inPeriod,
      amount: shown(amount),
      minor: `${minor}`,
    }
  })
  const due = over(times(fraction(minimum), fraction(period.billedDays)), fraction(period.wholeDays))
  const lacking = minorUnits(minus(due, fraction(spent)), 0)
  if (lacking <= 0n) return lines
  return [...lines, { filter: 'minimum', groups: {}, units: '1', events: 0, amount: '', minor: `${lacking}` }]
}

// Where parts of the usage are priced by themselves, their units are added up.
function unitsOf(
  { metric, model, modifiers }: DrawnCharge,
  events: readonly CountedEvent[],
  period: ReferencePeriod,
): Fraction {
  const { prorated, windows, matrix } = modifiers
  if (prorated) return referenceHeldUnits(model, heldLots(metric, events, period))
  const cells =
    matrix && Array.from(cellsOf(matrix.dimensions, events).values(), (part) => ({ span: period, events: part }))
  const parts = cells ?? (windows && period.windows(windows.size, events).used) ?? [{ span: period, events }]
  return most(NOTHING, total(parts.map(({ span, events: part }) => metric.units(part, span))))
}

function portionPrice(
  drawn: DrawnCharge,
  { filter, events }: Portion,
  { period, digits }: { period: ReferencePeriod; digits: number },
): Fraction {
  const { model, metric, modifiers } = drawn
  const charge = { model, properties: propertiesFor(drawn, filter) }
  const { matrix, windows, prorated } = modifiers
  if (prorated) return referenceHeldPrice(charge, heldLots(metric, events, period))
  let free = fraction(modifiers.free_units ?? '0')
  const price = ({ span, events: part }: ReferenceWindow): Fraction => {
    const { units, ...usage } = converted(drawn, part, span)
    const priced = most(NOTHING, minus(units, free))
    free = most(NOTHING, minus(free, most(NOTHING, units)))
    // What looks at events may cost something without units.
    const isUnused = priced.top === 0n && !looksAtEvents(charge)
    return windows && isUnused ? NOTHING : referencePrice(charge, { ...usage, units: priced }, digits)
  }
  if (matrix !== undefined) return matrixPrice(drawn, charge, events, period)
  if (windows === undefined) return price({ span: period, events })
  const priceOfUnits = (units: Fraction) => referencePrice(charge, { units, eventsCount: 0, events: [] }, digits)
  const { used, count } = period.windows(windows.size, events)
  const cost = (amount: Fraction) => committed(amount, windows.commitment, priceOfUnits)
  return plus(total(used.map((part) => cost(price(part)))), times(cost(NOTHING), fraction(count - used.length)))
}

function converted(
  { metric, modifiers }: DrawnCharge,
  events: readonly CountedEvent[],
  span: ReferenceSpan,
): PricedUsage {
  const usage = { eventsCount: events.filter(({ at }) => at >= span.start).length, events }
  const units = most(NOTHING, metric.units(events, span))
  const conversion = modifiers.unit_conversion
  if (conversion === undefined) return { ...usage, units }
  const factor = fraction(conversion.factor)
  const exact = conversion.operation === 'multiply' ? times(units, factor) : over(units, factor)
  if (conversion.rounding_mode === null) return { ...usage, units: exact }
  return { ...usage, units: rounded(exact, conversion.rounding_mode, conversion.precision) }
}

function matrixPrice(
  drawn: DrawnCharge,
  charge: SentCharge,
  events: readonly CountedEvent[],
  period: ReferencePeriod,
): Fraction {
  const { dimensions = ['', ''], prices = [] } = drawn.modifiers.matrix ?? {}
  return total(
    Array.from(cellsOf(dimensions, events), ([values, part]) => {
      const price = prices.find((one) => JSON.stringify(one.values) === values)
      return times(converted(drawn, part, period).units, fraction(price?.amount ?? String(charge.properties['amount'])))
    }),
  )
}

function cellsOf(dimensions: readonly string[], events: readonly CountedEvent[]): Map<string, CountedEvent[]> {
  return Map.groupBy(events, ({ properties }) => JSON.stringify(dimensions.map((key) => textAt(properties, key))))
}

function committed(
  price: Fraction,
  commitment: NonNullable<SentModifiers['windows']>['commitment'],
  priceOfUnits: (units: Fraction) => Fraction,
): Fraction {
  if (commitment === undefined) return price
  const { amount, units = '0', overage_factor: factor, true_up: isDue } = commitment
  const promised = amount === undefined ? priceOfUnits(fraction(units)) : fraction(amount)
  const within = isDue ? promised : least(price, promised)
  return plus(within, times(most(NOTHING, minus(price, promised)), fraction(factor)))
}

function afterModel({ modifiers }: DrawnCharge, price: Fraction): Fraction {
  const inCurrency = times(price, fraction(modifiers.pricing_unit?.conversion_rate ?? '1'))
  return times(inCurrency, minus(ONE, over(fraction(modifiers.percentage_discount ?? '0'), fraction(100))))
}
