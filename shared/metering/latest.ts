import { Exact, ZERO } from '../money/decimal.ts'
import type { RollupAggregation } from './aggregation.ts'
import { numericContribution } from './numeric-contribution.ts'

/** Units are the value with the latest time; of equal times the last to arrive. Below zero there are none. */
export const latest: RollupAggregation = {
  source: 'rollups',
  reads: 'value',
  mayRecur: false,
  accumulates: false,
  stores: ['latest'],
  contribution: numericContribution,
  units: (part) => (part.latest === null ? ZERO : Exact.max(part.latest.value, 0)),
}
