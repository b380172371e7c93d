-- A metric may compute the value of an event instead of reading it from a field, or its units from all events.
alter table billable_metrics
  add column expression text,
  drop constraint billable_metrics_aggregation_check,
  add constraint billable_metrics_aggregation_check check (aggregation in
    ('count', 'sum', 'max', 'min', 'avg', 'latest', 'weighted_sum', 'unique_count', 'percentile', 'custom')),
  add constraint billable_metrics_reads_check check (case aggregation when 'count' then true
    when 'custom' then expression is not null else field_name is not null or expression is not null end);

alter table unprocessed_events
  drop constraint unprocessed_events_reason_check,
  add constraint unprocessed_events_reason_check check (reason in ('customer_not_found', 'metric_not_found',
    'subscription_not_found', 'value_missing', 'value_not_a_number', 'expression_failed', 'duplicate_conflict',
    'processing_failed'));
