import { ZERO } from '../money/decimal.ts'
import type { RollupAggregation } from './aggregation.ts'
import { numericContribution } from './numeric-contribution.ts'

/** Units are the largest value of a field; it may be negative, and without events there are none. */
export const maximum: RollupAggregation = {
  source: 'rollups',
  reads: 'value',
  mayRecur: false,
  accumulates: false,
  stores: ['max'],
  contribution: numericContribution,
  units: ({ max }) => max ?? ZERO,
}

/** Units are the smallest value of a field; it may be negative, and without events there are none. */
export const minimum: RollupAggregation = { ...maximum, stores: ['min'], units: ({ min }) => min ?? ZERO }
