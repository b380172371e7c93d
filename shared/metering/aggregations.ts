import type { Aggregation } from './aggregation.ts'
import { count } from './count.ts'
import { sum } from './sum.ts'

/** Every aggregation by its name. */
export const AGGREGATIONS = { count, sum } as const satisfies Record<string, Aggregation>

export type AggregationName = keyof typeof AGGREGATIONS

export const AGGREGATION_NAMES = Object.keys(AGGREGATIONS) as [AggregationName, ...AggregationName[]]
