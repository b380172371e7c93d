import { ZERO } from '../money/decimal.ts'
import type { RollupAggregation } from './aggregation.ts'
import { numericContribution } from './numeric-contribution.ts'

/**
 * Each value changes a level that lasts until the end: units are the level's mean over the whole period,
 * Σ value × (end − its time) / length of the period. What was there before the window weighs the whole window; it is
 * passed in as values at the window's start. Both sums are linear, so they merge: end × Σ value − Σ value × time.
 */
export const weightedSum: RollupAggregation = {
  source: 'rollups',
  reads: 'value',
  mayRecur: true,
  accumulates: false,
  stores: ['timeSum'],
  contribution: numericContribution,
  units: ({ sum, timeSum }, { endMicros, periodMicros }) =>
    periodMicros === 0
      ? ZERO
      : sum
          .times(endMicros)
          .minus(timeSum ?? ZERO)
          .div(periodMicros),
}
