import { decimalText } from '../json/exact-json.ts'
import type { StoredPart, Unusable } from './aggregation.ts'
import { aggregationOf } from './aggregations.ts'
import { contributionOf, type ReadDefinition } from './contribution.ts'
import { propertyAt } from './property.ts'
import type { UsageEvent } from './usage-event.ts'

/** What counting needs to know of a billable metric. */
export interface CountedMetric extends ReadDefinition {
  readonly id: string
  readonly eventCode: string
  readonly generation: number
  /** Properties whose values tell series apart. */
  readonly dimensionKeys: readonly string[]
}

/** What counting reads of an event. */
export type CountedFields = Pick<UsageEvent, 'code' | 'externalSubscriptionId' | 'timestampMicros' | 'properties'>

/** What a rollup of the metric keeps beside count and sum. */
export function storedParts(metric: CountedMetric): readonly StoredPart[] {
  const aggregation = aggregationOf(metric.aggregation)
  return aggregation.source === 'rollups' ? aggregation.stores : []
}

/** The dimension values of an event, by key; what it does not say is absent. */
export function dimensionsOf(
  { properties }: Pick<UsageEvent, 'properties'>,
  { dimensionKeys }: Pick<CountedMetric, 'dimensionKeys'>,
): Record<string, string> {
  return Object.fromEntries(
    dimensionKeys.flatMap((key) => {
      const value = propertyAt(properties, key)
      if (value === undefined || value === null) return []
      return [[key, decimalText(value) ?? JSON.stringify(value)]]
    }),
  )
}

/** The same as text that differs wherever they differ, for the same metric; cheaper than the values. */
export function dimensionsText(
  { properties }: Pick<UsageEvent, 'properties'>,
  { dimensionKeys }: Pick<CountedMetric, 'dimensionKeys'>,
): string {
  let text = ''
  for (const key of dimensionKeys) {
    const value = propertyAt(properties, key)
    if (value === undefined || value === null) {
      text += '-'
      continue
    }
    const part = decimalText(value) ?? JSON.stringify(value)
    // The length keeps ("a", "bc") and ("ab", "c") apart.
    text += `${part.length}:${part}`
  }
  return text
}

/** What one event adds to each metric that reads it, and what each of them could not use. */
export interface CountedEvent {
  readonly contributions: readonly { readonly metric: CountedMetric; readonly value: string }[]
  readonly unusable: readonly UnusableEvent[]
}

export interface UnusableEvent {
  readonly metricId: string | null
  readonly reason: 'metric_not_found' | 'period_closed' | Unusable['reason']
  readonly details: Readonly<Record<string, unknown>>
}

/** Counts one event for the metrics of its code; an event may count for one metric and be unusable for another. */
export function countEvent(event: CountedFields, metricsOfCode: readonly CountedMetric[]): CountedEvent {
  if (metricsOfCode.length === 0) {
    return {
      contributions: [],
      unusable: [{ metricId: null, reason: 'metric_not_found', details: { code: event.code } }],
    }
  }
  let contributions: CountedEvent['contributions'] = NONE
  let unusable: CountedEvent['unusable'] = NONE
  for (const metric of metricsOfCode) {
    const contribution = contributionOf(event, metric)
    if ('value' in contribution) contributions = withOne(contributions, { metric, value: contribution.value })
    else unusable = withOne(unusable, { metricId: metric.id, ...contribution })
  }
  return { contributions, unusable }
}

const NONE: readonly never[] = []

// Nearly always there is one, and a list that grows from nothing makes room for seventeen.
function withOne<Item>(list: readonly Item[], item: Item): readonly Item[] {
  return list.length === 0 ? [item] : [...list, item]
}
