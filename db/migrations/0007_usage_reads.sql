-- Usage of a metric over all customers finds its series without reading those of every other metric.
create index usage_series_by_metric on usage_series (billable_metric_id, generation);
