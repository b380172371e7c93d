import { decimal, type Exact } from '../money/decimal.ts'
import type { MeteredEvent } from '../pricing/metered-usage.ts'
import type { CountedValue } from './aggregation.ts'
import type { AggregationName } from './aggregations.ts'
import { distinctChanges } from './unique-count.ts'

/**
 * The events of a period as a price that depends on single events sees them. `events` are in order of time, then
 * arrival, and start with those that were carried over into the period, which are left out of the answer.
 */
export function meteredEvents(
  aggregation: AggregationName,
  events: readonly CountedValue[],
  startMicros: number,
): MeteredEvent[] {
  const changes = aggregation === 'unique_count' ? distinctChanges(events) : events.map(({ value }) => decimal(value))
  return events.flatMap(({ timestampMicros, amountMinor, properties }, place) => {
    if (timestampMicros < startMicros) return []
    const value = changes[place] as Exact
    return [{ value, properties, ...(amountMinor === null ? {} : { amountMinor }) }]
  })
}
