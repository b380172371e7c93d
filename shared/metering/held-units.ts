import type { BillingPeriod } from '../calendar/billing-period.ts'
import { billedDaysFrom } from '../calendar/billing-period.ts'
import { assert } from '../errors.ts'
import { decimal, Exact } from '../money/decimal.ts'
import type { Lot, UnitStack } from '../pricing/metered-usage.ts'
import type { CountedValue } from './aggregation.ts'
import type { AggregationName } from './aggregations.ts'
import type { MeasuredUsage } from './measure-usage.ts'
import { microsOfInstant } from './timestamp.ts'
import { isRemoval } from './unique-count.ts'
import { mergeParts, NO_USAGE } from './usage-part.ts'

/** A period, and the zone whose days it is counted in. */
export interface HeldPeriod {
  readonly period: BillingPeriod
  readonly timeZone: string
}

/**
 * How the units of a recurring `sum` or `unique_count` came and went in a period. What was carried over is held all
 * billed days, what comes is held from its local day on, that day included. A sum takes back by the same count; an item
 * that is removed was held on its last day, so only the days after are given back. The events of the period must be
 * among `usage`, for `unique_count` also all those before.
 */
export function heldUnits(aggregation: AggregationName, usage: MeasuredUsage, held: HeldPeriod): UnitStack {
  assert(aggregation === 'sum' || aggregation === 'unique_count', `units of ${aggregation} are not held for a time`)
  const startMicros = microsOfInstant(held.period.start)
  const before = usage.events.filter(({ timestampMicros }) => timestampMicros < startMicros)
  const within = usage.events.filter(({ timestampMicros }) => timestampMicros >= startMicros)
  const lots =
    aggregation === 'sum'
      ? [...carriedLot(sumOf(usage), held), ...within.map((event) => lotOfValue(event, held))]
      : lotsOfItems(before, within, held)
  return { lots, periodDays: new Exact(held.period.periodDays) }
}

function sumOf({ carried }: MeasuredUsage): Exact {
  return carried.reduce(mergeParts, NO_USAGE).sum
}

function carriedLot(units: Exact, { period }: HeldPeriod): Lot[] {
  return units.isZero() ? [] : [{ units, heldDays: new Exact(period.billedDays) }]
}

function lotOfValue(event: CountedValue, held: HeldPeriod): Lot {
  return { units: decimal(event.value), heldDays: new Exact(daysFrom(event, held)) }
}

/** An item coming or going, and the billed days from that day on, which also say which day it is. */
interface Change {
  readonly removes: boolean
  readonly days: number
}

function lotsOfItems(before: readonly CountedValue[], within: readonly CountedValue[], held: HeldPeriod): Lot[] {
  const present = new Set<string>()
  for (const event of before) isChange(present, event)
  const carried = carriedLot(new Exact(present.size), held)
  const changes = new Set<Change>()
  const lastChanges = new Map<string, Change>()
  for (const event of within) {
    if (!isChange(present, event)) continue
    const change = { removes: isRemoval(event), days: daysFrom(event, held) }
    const last = lastChanges.get(event.value)
    // What is back on the day it went was there all that day.
    if (last?.removes === true && last.days === change.days) changes.delete(last)
    else changes.add(change)
    lastChanges.set(event.value, change)
  }
  return [...carried, ...Array.from(changes, lotOfChange)]
}

function lotOfChange({ removes, days }: Change): Lot {
  return removes
    ? { units: new Exact(-1), heldDays: new Exact(days - 1) }
    : { units: new Exact(1), heldDays: new Exact(days) }
}

/** Notes whether the item is there now; answers whether that is news. */
function isChange(present: Set<string>, event: CountedValue): boolean {
  if (isRemoval(event)) return present.delete(event.value)
  if (present.has(event.value)) return false
  present.add(event.value)
  return true
}

function daysFrom({ timestampMicros }: CountedValue, { period, timeZone }: HeldPeriod): number {
  const at = Temporal.Instant.fromEpochNanoseconds(BigInt(timestampMicros) * 1000n)
  return billedDaysFrom(period, at, timeZone)
}
