import { decimal } from '../money/decimal.ts'
import type { RollupAggregation } from './aggregation.ts'

/** Every event is one unit. */
export const count: RollupAggregation = {
  source: 'rollups',
  reads: 'nothing',
  mayRecur: false,
  accumulates: true,
  stores: [],
  contribution: () => ({ value: '1' }),
  units: ({ eventsCount }) => decimal(eventsCount),
}
