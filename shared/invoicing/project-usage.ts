import { aggregationOf } from '../metering/aggregations.ts'
import type { MeasuredMetric } from '../metering/measure-usage.ts'
import { roundUnits } from '../metering/rounding.ts'
import { decimal, type Exact, ZERO } from '../money/decimal.ts'
import type { MeteredEvent, MeteredUsage } from '../pricing/metered-usage.ts'
import type { ComponentUsage } from './components.ts'

/** A metric, and whether its usage is carried over from period to period. */
export interface ProjectedMetric extends Pick<MeasuredMetric, 'aggregation' | 'rounding'> {
  readonly recurring: boolean
}

/**
 * The usage of a whole period if it goes on as it began: units × `factor`, the length of the period by what has passed
 * of it. What does not grow with time stays as it is: recurring usage, whose units count to the end of the period
 * already, a maximum, a mean or a last value.
 */
export function projectUsage(usage: ComponentUsage, metric: ProjectedMetric, factor: Exact): ComponentUsage {
  if (metric.recurring || !aggregationOf(metric.aggregation).accumulates) return usage
  const { cells, events, windows } = usage
  const scale = (units: Exact) => roundUnits(units.times(factor).toDecimalPlaces(PLACES), metric.rounding)
  return {
    ...usage,
    units: scale(usage.units),
    eventsCount: rounded(decimal(usage.eventsCount).times(factor)),
    ...(cells === undefined ? {} : { cells: cells.map((cell) => ({ ...cell, units: scale(cell.units) })) }),
    ...(events === undefined ? {} : { events: repeated(events, factor) }),
    ...(windows === undefined ? {} : { windows: continued(windows, factor) }),
  }
}

// A part of a period is hardly ever a finite decimal; digits beyond these mean nothing.
const PLACES = 12

function rounded(value: Exact): bigint {
  return BigInt(value.toDecimalPlaces(0).toFixed())
}

// A period that has only just begun would otherwise repeat its few events without end.
const MOST_EVENTS = 100_000

// All events as often as the factor holds whole, and once more by the rest of it, so that values add up to the units.
function repeated(events: readonly MeteredEvent[], factor: Exact): readonly MeteredEvent[] {
  const times = factor.trunc()
  const rest = factor.minus(times)
  if (times.plus(1).times(events.length).greaterThan(MOST_EVENTS)) return events.map((event) => weighed(event, factor))
  const copies = Array.from({ length: times.toNumber() }, () => events).flat()
  return rest.isZero() ? copies : [...copies, ...events.map((event) => weighed(event, rest))]
}

function weighed(event: MeteredEvent, weight: Exact): MeteredEvent {
  const { value, amountMinor } = event
  const amount = amountMinor === undefined ? {} : { amountMinor: amountMinor.times(weight) }
  return { ...event, value: value.times(weight), ...amount }
}

// The windows to come are as the mean of those that have begun.
function continued(windows: readonly MeteredUsage[], factor: Exact): readonly MeteredUsage[] {
  const left = decimal(BigInt(windows.length)).times(factor.minus(1)).toDecimalPlaces(0).toNumber()
  if (left === 0) return windows
  const share = factor.minus(1).div(left)
  const total = windows.reduce((sum, { units }) => sum.plus(units), ZERO)
  const count = windows.reduce((sum, { eventsCount = 0n }) => sum + eventsCount, 0n)
  const mean = { units: total.times(share).toDecimalPlaces(PLACES), eventsCount: rounded(decimal(count).times(share)) }
  return [...windows, ...Array.from({ length: left }, () => mean)]
}
