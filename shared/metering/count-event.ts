import { AGGREGATIONS, type AggregationName } from './aggregations.ts'
import type { UsageEvent } from './usage-event.ts'

/** What counting needs to know of a billable metric. */
export interface CountedMetric {
  readonly id: string
  readonly eventCode: string
  readonly aggregation: AggregationName
  readonly fieldName: string | null
}

/** What one event adds to each metric that reads it, and what each of them could not use. */
export interface CountedEvent {
  readonly contributions: readonly { readonly metricId: string; readonly value: string }[]
  readonly unusable: readonly UnusableEvent[]
}

export interface UnusableEvent {
  readonly metricId: string | null
  readonly reason: 'metric_not_found' | 'value_missing' | 'value_not_a_number'
  readonly details: Readonly<Record<string, unknown>>
}

/** Counts one event for the metrics of its code; an event may count for one metric and be unusable for another. */
export function countEvent(event: UsageEvent, metricsOfCode: readonly CountedMetric[]): CountedEvent {
  if (metricsOfCode.length === 0) {
    return {
      contributions: [],
      unusable: [{ metricId: null, reason: 'metric_not_found', details: { code: event.code } }],
    }
  }
  const contributions: { metricId: string; value: string }[] = []
  const unusable: UnusableEvent[] = []
  for (const metric of metricsOfCode) {
    const contribution = AGGREGATIONS[metric.aggregation].contribution(event, metric.fieldName)
    if ('value' in contribution) contributions.push({ metricId: metric.id, value: contribution.value })
    else unusable.push({ metricId: metric.id, ...contribution })
  }
  return { contributions, unusable }
}
