import { decimal } from '../../shared/money/decimal.ts'
import type { BillableMetric } from '../catalogue/billable-metrics.ts'
import type { UsageMetric } from './usage-question.ts'

/** The columns that reading usage depends on. */
export type UsageMetricRow = Pick<
  BillableMetric,
  Exclude<keyof UsageMetric, 'rounding'> | 'roundingMode' | 'roundingPrecision'
>

/** What reading usage needs to know of a metric, from its row. */
export function usageMetricOf(metric: UsageMetricRow): UsageMetric {
  const { id, eventCode, aggregation, fieldName, expression, recurring, generation, dimensionKeys } = metric
  const { roundingMode: mode, roundingPrecision: precision, percentile } = metric
  return {
    id,
    eventCode,
    aggregation,
    fieldName,
    expression,
    recurring,
    rounding: mode === null ? null : { mode, precision },
    percentile: percentile === null ? null : decimal(percentile),
    generation,
    dimensionKeys,
  }
}
