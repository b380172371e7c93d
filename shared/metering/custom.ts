import { assert } from '../errors.ts'
import { evaluateNumber } from '../expressions/evaluate-expression.ts'
import { decimal } from '../money/decimal.ts'
import type { EventAggregation } from './aggregation.ts'
import { requireMetricExpression, scopeOf } from './metric-expression.ts'

/**
 * Units are the value of the metric's expression over the events: `sum(properties.cores * properties.hours)`. Recurring,
 * over all events there ever were. An event that a function in it cannot use is not among them.
 */
export const custom: EventAggregation = {
  source: 'events',
  reads: 'events',
  mayRecur: true,
  accumulates: true,
  contribution: () => ({ value: '1' }),
  units: (events, { expression }) => {
    assert(expression !== null, 'a custom metric has no expression')
    return evaluateNumber(requireMetricExpression(expression, 'events'), {
      names: { events_count: decimal(BigInt(events.length)) },
      objects: {},
      events: events.map(scopeOf),
    })
  },
}
