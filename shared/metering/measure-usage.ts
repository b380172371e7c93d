import { decimal, type Exact } from '../money/decimal.ts'
import type { AggregationOptions, CountedValue, UsageWindow } from './aggregation.ts'
import { type AggregationName, aggregationOf } from './aggregations.ts'
import { roundUnits, type UnitRounding } from './rounding.ts'
import { mergeParts, NO_USAGE, type UsagePart } from './usage-part.ts'

/** What the units of a metric depend on beside its usage. */
export interface MeasuredMetric extends AggregationOptions {
  readonly aggregation: AggregationName
  readonly rounding: UnitRounding | null
}

/** Pieces of usage that belong together: what the window saw, and what was carried over into it. */
export interface MeasuredUsage {
  readonly parts: readonly UsagePart[]
  readonly carried: readonly UsagePart[]
  /** In order of time, then arrival; carried ones included. */
  readonly events: readonly CountedValue[]
  /** The distinct values, where they were counted without their events. */
  readonly distinct?: bigint | undefined
}

/** The units of a metric in a window, rounded as it says, and how many events the window saw. */
export function measureUsage(
  metric: MeasuredMetric,
  { parts, carried, events, distinct }: MeasuredUsage,
  window: UsageWindow,
): { units: Exact; eventsCount: bigint } {
  const seen = parts.reduce(mergeParts, NO_USAGE)
  if (distinct !== undefined) {
    return { units: roundUnits(decimal(distinct), metric.rounding), eventsCount: seen.eventsCount }
  }
  const aggregation = aggregationOf(metric.aggregation)
  const units =
    aggregation.source === 'rollups'
      ? aggregation.units(carried.map((part) => asCarried(part, window)).reduce(mergeParts, seen), window)
      : aggregation.units(events, metric)
  return { units: roundUnits(units, metric.rounding), eventsCount: seen.eventsCount }
}

// What was there before weighs the whole window, whenever it came, and is no event of this window.
function asCarried({ sum }: UsagePart, { startMicros }: UsageWindow): UsagePart {
  return { ...NO_USAGE, sum, timeSum: sum.times(startMicros) }
}
