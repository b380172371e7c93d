import type { Issue } from '../errors.ts'
import type { Expression } from '../expressions/expression.ts'
import { decimalOf } from '../json/exact-json.ts'
import type { Aggregation } from './aggregation.ts'
import { type AggregationName, aggregationOf } from './aggregations.ts'
import { parseMetricExpression } from './metric-expression.ts'
import { isFieldName } from './property.ts'

/** What a metric is to count, as it is asked for; the shape of every field is checked already. */
export interface MetricRequest {
  readonly aggregation: AggregationName
  readonly fieldName: string | null
  readonly expression: string | null
  readonly recurring: boolean
  /** A number or a text, from 0 to 100. */
  readonly percentile: unknown
}

/** What is wrong with a metric's definition, each fault with its path; none when it can count. */
export function metricIssues(request: MetricRequest): Issue[] {
  return [
    ...fieldIssues(request),
    ...expressionIssues(request),
    ...recurringIssues(request),
    ...percentileIssues(request),
  ]
}

function fieldIssues({ aggregation, fieldName, expression }: MetricRequest): Issue[] {
  const { reads } = aggregationOf(aggregation)
  if (fieldName === null) {
    if (reads !== 'value' || expression !== null) return []
    return [issue('field_name', `is required when the aggregation is ${aggregation}, or an expression`, 'missing')]
  }
  if (reads !== 'value') {
    return [issue('field_name', `is not read when the aggregation is ${aggregation}; leave it out`, 'field_unused')]
  }
  if (isFieldName(fieldName)) return []
  return [issue('field_name', 'must be a name or a dotted path such as usage.input_tokens', 'field_path')]
}

function expressionIssues({ aggregation, expression }: MetricRequest): Issue[] {
  const { reads } = aggregationOf(aggregation)
  if (expression === null) {
    return reads === 'events'
      ? [issue('expression', `is required when the aggregation is ${aggregation}`, 'missing')]
      : []
  }
  if (reads === 'nothing') {
    return [issue('expression', `is not read when the aggregation is ${aggregation}; leave it out`, 'field_unused')]
  }
  const result = readMetricExpression(expression, reads)
  return 'issues' in result ? result.issues : []
}

/** The expression of a text; or why it is none for a metric that reads so, and where. */
export function readMetricExpression(
  text: string,
  reads: Aggregation['reads'],
): { readonly expression: Expression } | { readonly issues: Issue[] } {
  const result = parseMetricExpression(text, reads)
  if ('expression' in result) return result
  const { type, msg, position } = result.fault
  return { issues: [issue('expression', position === undefined ? msg : `${msg} (at character ${position})`, type)] }
}

function recurringIssues({ aggregation, recurring }: MetricRequest): Issue[] {
  if (!recurring || aggregationOf(aggregation).mayRecur) return []
  return [issue('recurring', `cannot be carried over when the aggregation is ${aggregation}`, 'recurring_unsupported')]
}

function percentileIssues({ aggregation, percentile }: MetricRequest): Issue[] {
  if (aggregation !== 'percentile') {
    return percentile == null ? [] : [issue('percentile', 'is only read by the aggregation percentile', 'field_unused')]
  }
  if (percentile == null) return [issue('percentile', 'is required when the aggregation is percentile', 'missing')]
  const value = decimalOf(percentile)
  if (value !== undefined && value.greaterThanOrEqualTo(0) && value.lessThanOrEqualTo(100)) return []
  return [issue('percentile', 'must be a number from 0 to 100', 'percentile_range')]
}

function issue(field: string, msg: string, type: string): Issue {
  return { loc: ['body', field], msg, type }
}
