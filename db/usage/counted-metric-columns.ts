/** The columns of `billable_metrics` that make a `CountedMetric`; one list, because nothing checks SQL against the type. */
export const COUNTED_METRIC_COLUMNS =
  'id, event_code as "eventCode", aggregation, field_name as "fieldName", expression, generation, dimension_keys as "dimensionKeys"'
