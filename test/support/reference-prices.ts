import {
  compare,
  type Fraction,
  fraction,
  least,
  most,
  NOTHING,
  ONE,
  over,
  plus,
  rounded,
  times,
  total,
} from './fraction.ts'
import { hasAllowances, percentagePrice } from './reference-percentage.ts'
import { type HeldLot, type ReferenceRange, rangeHolding, rangesOf, walkRanges, walkStack } from './reference-ranges.ts'
import { amountIn, type PricedUsage, type SentCharge, type SentProperties } from './sent-charge.ts'

/** The price in major units: the usage is walked piece by piece, event by event, package by package. */
export function referencePrice({ model, properties }: SentCharge, usage: PricedUsage, digits: number): Fraction {
  const { units, events } = usage
  switch (model) {
    case 'standard':
      return times(units, amountIn(properties, 'amount'))
    case 'graduated':
      return walkRanges(rangesOf(properties['graduated_ranges']), units)
    case 'graduated_percentage':
      return walkRanges(rangesOf(properties['graduated_percentage_ranges']), units)
    case 'volume':
      return volumePrice(properties, units, units)
    case 'package':
      return openPackages(properties, units)
    case 'percentage':
      return percentagePrice(properties, usage)
    case 'dynamic':
      return over(total(events.map(({ cents }) => fraction(cents ?? '0'))), fraction(`1e${digits}`))
    case 'custom':
      return customPrice(properties, usage)
    default:
      throw new Error(`${model} has no price here`)
  }
}

/** The price of units that are held for a part of the period, by a model that knows such. */
export function referenceHeldPrice({ model, properties }: SentCharge, lots: readonly HeldLot[]): Fraction {
  const weighed = weighedUnits(lots)
  if (model === 'standard') return times(weighed, amountIn(properties, 'amount'))
  if (model === 'volume') return volumePrice(properties, weighed, most(NOTHING, total(lots.map(({ units }) => units))))
  return walkStack(rangesOf(properties['graduated_ranges']), lots)
}

/** The units that such a charge shows: those that a tier could hold, or all of them weighed. */
export function referenceHeldUnits(model: string, lots: readonly HeldLot[]): Fraction {
  const each: ReferenceRange = { end: null, each: ONE, flat: NOTHING }
  return model === 'graduated' ? walkStack([each], lots) : weighedUnits(lots)
}

/** Whether the price follows from single events and not from their sum. */
export function looksAtEvents({ model, properties }: SentCharge): boolean {
  if (model === 'dynamic') return true
  if (model === 'custom') return String(properties['expression']).includes('value')
  return model === 'percentage' && hasAllowances(properties)
}

/** What the expressions of drawn charges come to. */
export const EXPRESSIONS: Readonly<Record<string, (usage: PricedUsage, each: Fraction) => Fraction>> = {
  'units * custom_properties.each + events_count * 0.25': ({ units, eventsCount }, each) =>
    plus(times(units, each), times(fraction(eventsCount), fraction('0.25'))),
  'max(units - 5, 0) * 2': ({ units }) => times(most(NOTHING, plus(units, fraction(-5))), fraction(2)),
  'sum(min(value, 3)) * custom_properties.each': ({ events }, each) =>
    times(total(events.map(({ value }) => least(value, fraction(3)))), each),
  'largest(value) + count(value > 2)': ({ events }) =>
    plus(
      events.map(({ value }) => value).reduce(most, NOTHING),
      fraction(events.filter(({ value }) => compare(value, fraction(2)) > 0).length),
    ),
}

function weighedUnits(lots: readonly HeldLot[]): Fraction {
  return most(NOTHING, total(lots.map(({ units, share }) => times(units, share))))
}

function volumePrice(properties: SentProperties, units: Fraction, fullUnits: Fraction): Fraction {
  const ranges = rangesOf(properties['volume_ranges'])
  const range = ranges[rangeHolding(ranges, fullUnits)]
  return plus(times(units, range?.each ?? NOTHING), range?.flat ?? NOTHING)
}

function openPackages(properties: SentProperties, units: Fraction): Fraction {
  let [price, covered] = [NOTHING, amountIn(properties, 'free_units')]
  while (compare(covered, units) < 0) {
    price = plus(price, amountIn(properties, 'amount'))
    covered = plus(covered, amountIn(properties, 'package_size'))
  }
  return price
}

function customPrice(properties: SentProperties, usage: PricedUsage): Fraction {
  if (properties['fixed_amount'] !== undefined) return amountIn(properties, 'fixed_amount')
  if (properties['per_unit_amount'] !== undefined) return times(usage.units, amountIn(properties, 'per_unit_amount'))
  const constants = properties['custom_properties'] as { readonly each?: string } | undefined
  const price = EXPRESSIONS[String(properties['expression'])]?.(usage, fraction(constants?.each ?? '0'))
  if (price === undefined) throw new Error('no such expression is drawn')
  return most(NOTHING, price)
}

/** Minor units of an amount, half a unit away from zero. */
export function minorUnits(price: Fraction, digits: number): bigint {
  return rounded(times(price, fraction(`1e${digits}`)), 'round', 0).top
}
