import type { Contribution } from './aggregation.ts'
import { type AggregationName, aggregationOf } from './aggregations.ts'
import { findUnusablePart, readValue, requireMetricExpression } from './metric-expression.ts'
import { propertyAt } from './property.ts'
import type { UsageEvent } from './usage-event.ts'

/** What of an event a metric may read. */
export type ReadEvent = Pick<UsageEvent, 'code' | 'timestampMicros' | 'properties'>

/** What a metric reads of its events. An expression stands in the place of a field. */
export interface ReadDefinition {
  readonly aggregation: AggregationName
  readonly fieldName: string | null
  readonly expression: string | null
}

/** What one event adds to a metric, or why it cannot. */
export function contributionOf(event: ReadEvent, metric: ReadDefinition): Contribution {
  const aggregation = aggregationOf(metric.aggregation)
  const { fieldName, expression: text } = metric
  if (text === null) {
    if (fieldName === null) return aggregation.contribution(undefined, 'field_name')
    return aggregation.contribution(propertyAt(event.properties, fieldName), fieldName)
  }
  const expression = requireMetricExpression(text, aggregation.reads)
  if (aggregation.reads === 'events') {
    return findUnusablePart(expression, event) ?? aggregation.contribution(undefined, EXPRESSION)
  }
  const result = readValue(expression, event)
  return 'reason' in result ? result : aggregation.contribution(result.value, EXPRESSION)
}

const EXPRESSION = 'expression'
