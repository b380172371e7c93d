import type { Charge } from '../../../shared/pricing/charge-models.ts'
import type { PercentageProperties } from '../../../shared/pricing/percentage-properties.ts'

// An independent way to the same price: it walks the usage in tenths of a unit, one event and one tenth after the
// other, in bigint hundred-thousandths of a major unit. It knows no tiers as spans and never divides.
const SCALE = 100_000n

/** One event: how many tenths of a unit it is worth, and the price it brings in cents. */
export interface NaiveEvent {
  readonly tenths: number
  readonly cents: number
}

/** The price of events, in 1/1,000,000 of a major unit. */
export function naivePrice(charge: Charge, events: readonly NaiveEvent[]): bigint {
  const tenths = events.reduce((sum, event) => sum + event.tenths, 0)
  switch (charge.model) {
    case 'standard':
      return BigInt(tenths) * scaled(charge.properties.amount)
    case 'graduated':
      return walkTiers(charge.properties.graduated_ranges.map(toNaive), tenths)
    case 'volume':
      return oneTier(charge.properties.volume_ranges.map(toNaive), tenths)
    case 'package':
      return openPackages(charge.properties, tenths)
    case 'graduated_percentage':
      return walkTiers(charge.properties.graduated_percentage_ranges.map(toNaive), tenths)
    case 'percentage':
      return tenths === 0 && !isBounded(charge.properties) ? 0n : walkEvents(charge.properties, events)
    case 'dynamic':
      return events.reduce((sum, { cents }) => sum + 10_000n * BigInt(cents), 0n)
    case 'custom':
      return customPrice(charge.properties, tenths)
  }
}

/**
 * The price of whole units that come and go in a period of 30 days, in 1/30,000,000 of a major unit. It puts down and
 * takes up one unit after the other.
 */
export function naiveStackPrice(charge: Charge, lots: readonly { units: number; days: number }[]): bigint {
  if (charge.model !== 'graduated') throw new Error('only graduated prices depend on the place of a unit')
  const ranges = charge.properties.graduated_ranges.map(toNaive)
  let [height, highest, total] = [0, 0, 0n]
  for (const { units, days } of lots) {
    for (let left = Math.abs(units); left > 0; left -= 1) {
      if (units > 0) height += 1
      const each = height > 0 ? (ranges[tierHolding(ranges, 10 * height)]?.each ?? 0n) : 0n
      total += (units > 0 ? 10n : -10n) * each * BigInt(days)
      if (units < 0) height -= 1
    }
    highest = Math.max(highest, height)
  }
  if (height < 0) return 0n
  const reached = highest === 0 ? 0 : tierHolding(ranges, 10 * highest)
  return ranges.slice(0, reached + 1).reduce((sum, { flat }) => sum + 30n * flat, total)
}

interface NaiveRange {
  readonly end: string | null
  readonly each: bigint
  readonly flat: bigint
}

function toNaive(
  range: { to_value: string | null; flat_amount: string } & ({ per_unit_amount: string } | { rate: string }),
): NaiveRange {
  const each = 'rate' in range ? hundredth(range.rate) : scaled(range.per_unit_amount)
  return { end: range.to_value, each, flat: 10n * scaled(range.flat_amount) }
}

function walkTiers(ranges: readonly NaiveRange[], tenths: number): bigint {
  let total = ranges[0]?.flat ?? 0n
  let reached = 0
  for (let tenth = 1; tenth <= tenths; tenth += 1) {
    const tier = tierHolding(ranges, tenth)
    for (; reached < tier; reached += 1) total += ranges[reached + 1]?.flat ?? 0n
    total += ranges[tier]?.each ?? 0n
  }
  return total
}

function oneTier(ranges: readonly NaiveRange[], tenths: number): bigint {
  const tier = ranges[tierHolding(ranges, tenths)]
  let total = tier?.flat ?? 0n
  for (let tenth = 1; tenth <= tenths; tenth += 1) total += tier?.each ?? 0n
  return total
}

function openPackages(
  properties: { amount: string; package_size: string; free_units: string },
  tenths: number,
): bigint {
  let total = 0n
  let leftInPackage = 10 * Number(properties.free_units)
  for (let tenth = 1; tenth <= tenths; tenth += 1) {
    if (leftInPackage === 0) {
      total += 10n * scaled(properties.amount)
      leftInPackage = 10 * Number(properties.package_size)
    }
    leftInPackage -= 1
  }
  return total
}

function isBounded(properties: PercentageProperties): boolean {
  return properties.per_transaction_min_amount !== null || properties.per_transaction_max_amount !== null
}

function walkEvents(properties: PercentageProperties, events: readonly NaiveEvent[]): bigint {
  const bounded = isBounded(properties)
  const freeTenths = 10 * Number(properties.free_units_per_total_aggregation)
  const freeEvents = bounded && freeTenths > 0 ? 0 : Number(properties.free_units_per_events)
  let walked = 0
  let total = 0n
  events.forEach(({ tenths }, index) => {
    const byCount = freeEvents === 0 ? freeTenths > 0 : index < freeEvents
    let paid = 0n
    for (let tenth = 0; tenth < tenths; tenth += 1) {
      walked += 1
      const byUnits = freeTenths === 0 || walked <= freeTenths
      if (!(byCount && byUnits)) paid += hundredth(properties.rate)
    }
    const allFree = freeTenths === 0 || (bounded ? walked <= freeTenths : walked < freeTenths)
    // Bounds also hold for an event of nothing, unless free units are left for it.
    if (byCount && allFree && !(bounded && freeTenths > 0 && walked === freeTenths && tenths === 0)) return
    total += withinBounds(properties, paid + 10n * scaled(properties.fixed_amount))
  })
  return total
}

function withinBounds(properties: PercentageProperties, amount: bigint): bigint {
  const { per_transaction_min_amount: minimum, per_transaction_max_amount: maximum } = properties
  if (minimum !== null && amount < 10n * scaled(minimum)) return 10n * scaled(minimum)
  return maximum !== null && amount > 10n * scaled(maximum) ? 10n * scaled(maximum) : amount
}

function customPrice(properties: object, tenths: number): bigint {
  if ('fixed_amount' in properties) return 10n * scaled(String(properties.fixed_amount))
  if ('per_unit_amount' in properties) return BigInt(tenths) * scaled(String(properties.per_unit_amount))
  throw new Error('an expression has no naive price of its own')
}

function tierHolding(ranges: readonly NaiveRange[], tenth: number): number {
  return ranges.findIndex(({ end }) => end === null || tenth <= 10 * Number(end))
}

/** A decimal of at most 5 digits behind the point, in hundred-thousandths. */
function scaled(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.')
  return BigInt(whole) * SCALE + BigInt(fraction.padEnd(5, '0'))
}

/** The hundredth of a percentage of at most 3 digits behind the point. */
function hundredth(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.')
  return BigInt(whole + fraction.padEnd(3, '0'))
}
