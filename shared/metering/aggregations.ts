import type { Aggregation } from './aggregation.ts'
import { average } from './average.ts'
import { count } from './count.ts'
import { custom } from './custom.ts'
import { maximum, minimum } from './extremes.ts'
import { latest } from './latest.ts'
import { percentile } from './percentile.ts'
import { sum } from './sum.ts'
import { uniqueCount } from './unique-count.ts'
import { weightedSum } from './weighted-sum.ts'

/** Every aggregation by its name. */
export const AGGREGATIONS = {
  count,
  sum,
  max: maximum,
  min: minimum,
  avg: average,
  latest,
  weighted_sum: weightedSum,
  unique_count: uniqueCount,
  percentile,
  custom,
} as const satisfies Record<string, Aggregation>

export type AggregationName = keyof typeof AGGREGATIONS

export const AGGREGATION_NAMES = Object.keys(AGGREGATIONS) as [AggregationName, ...AggregationName[]]

/** The aggregation of a name, as any aggregation. */
export function aggregationOf(name: AggregationName): Aggregation {
  return AGGREGATIONS[name]
}
