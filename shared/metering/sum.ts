import type { RollupAggregation } from './aggregation.ts'
import { numericContribution } from './numeric-contribution.ts'

/** Units are the sum of a field; recurring, the sum of all there ever was. */
export const sum: RollupAggregation = {
  source: 'rollups',
  reads: 'value',
  mayRecur: true,
  accumulates: true,
  stores: [],
  contribution: numericContribution,
  units: (part) => part.sum,
}
