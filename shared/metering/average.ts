import { decimal, ZERO } from '../money/decimal.ts'
import type { RollupAggregation } from './aggregation.ts'
import { numericContribution } from './numeric-contribution.ts'

/** Units are the mean of a field over the events; without any, none. */
export const average: RollupAggregation = {
  source: 'rollups',
  reads: 'value',
  mayRecur: false,
  accumulates: false,
  stores: [],
  contribution: numericContribution,
  units: ({ sum, eventsCount }) => (eventsCount === 0n ? ZERO : sum.div(decimal(eventsCount))),
}
