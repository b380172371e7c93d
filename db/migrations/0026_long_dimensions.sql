-- Series are told apart by a hash of their dimensions: a property may be longer than an index takes, and one such value must
-- not keep its event from being counted by all other metrics.
drop index usage_series_identity;
create unique index usage_series_identity on usage_series
  (customer_id, billable_metric_id, generation, external_subscription_id, (md5(dimensions::text)::uuid)) nulls not distinct;
