-- While statistics are young the planner may look up one series by this index instead of the one that tells series
-- apart. With the customer in it, that reads the customer's series and not all that the metric has.
drop index usage_series_by_metric;
create index usage_series_by_metric on usage_series (billable_metric_id, generation, customer_id);
