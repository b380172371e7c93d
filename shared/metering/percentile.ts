import { assert } from '../errors.ts'
import { Exact, ZERO } from '../money/decimal.ts'
import type { EventAggregation } from './aggregation.ts'
import { numericContribution } from './numeric-contribution.ts'

/** Units are the value below or at which the stated share of all values lies, by nearest rank: the ⌈p/100 × n⌉-th. */
export const percentile: EventAggregation = {
  source: 'events',
  reads: 'value',
  mayRecur: false,
  accumulates: false,
  contribution: numericContribution,
  units: (events, options) => {
    assert(options.percentile !== null, 'a percentile metric does not say which')
    const values = events.map(({ value }) => new Exact(value)).sort((left, right) => left.cmp(right))
    const rank = options.percentile.times(values.length).div(100).ceil().toNumber()
    return values[Math.max(rank, 1) - 1] ?? ZERO
  },
}
