import type { Issue } from '../errors.ts'
import { decimalOf } from '../json/exact-json.ts'
import { type AggregationName, aggregationOf } from './aggregations.ts'
import { isFieldName } from './property.ts'

/** What a metric is to count, as it is asked for; the shape of every field is checked already. */
export interface MetricRequest {
  readonly aggregation: AggregationName
  readonly fieldName: string | null
  readonly recurring: boolean
  /** A number or a text, from 0 to 100. */
  readonly percentile: unknown
}

/** What is wrong with a metric's definition, each fault with its path; none when it can count. */
export function metricIssues(request: MetricRequest): Issue[] {
  return [...fieldIssues(request), ...recurringIssues(request), ...percentileIssues(request)]
}

function fieldIssues({ aggregation, fieldName }: MetricRequest): Issue[] {
  const { needsField } = aggregationOf(aggregation)
  if (fieldName === null) {
    return needsField ? [issue('field_name', `is required when the aggregation is ${aggregation}`, 'missing')] : []
  }
  if (!needsField) {
    return [issue('field_name', `is not read when the aggregation is ${aggregation}; leave it out`, 'field_unused')]
  }
  if (isFieldName(fieldName)) return []
  return [issue('field_name', 'must be a name or a dotted path such as usage.input_tokens', 'field_path')]
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
