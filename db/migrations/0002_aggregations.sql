-- Every aggregation, recurring metrics and rounding; and metrics that count events which were sent before them.
alter table billable_metrics drop constraint billable_metrics_aggregation_check;
alter table billable_metrics drop constraint billable_metrics_check;
alter table billable_metrics
  add column recurring boolean not null default false,
  add column rounding_mode text check (rounding_mode in ('round', 'ceil', 'floor')),
  add column rounding_precision integer not null default 0 check (rounding_precision between -15 and 15),
  add column percentile numeric check (percentile between 0 and 100),
  -- Property values that prices depend on; each combination of them has a series of its own.
  add column dimension_keys text[] not null default '{}',
  -- Series of an older generation were counted with other dimensions and are no longer read.
  add column generation integer not null default 1,
  -- Events from this arrival on are counted as they come; those before it by the rebuild, customer by customer.
  add column counted_from bigint not null default 0,
  add column rebuild_cursor integer,
  add constraint billable_metrics_aggregation_check check (aggregation in
    ('count', 'sum', 'max', 'min', 'avg', 'latest', 'weighted_sum', 'unique_count', 'percentile'));
create index billable_metrics_rebuilding on billable_metrics (organization_id) where rebuild_cursor is not null;

-- Order of arrival: one number per transaction, times 2^20, plus the place of the event in it.
create sequence usage_arrivals;
grant usage, select on sequence usage_arrivals to tabkeeper_app, tabkeeper_worker;
alter table usage_events
  add column arrival bigint not null default 0,
  -- A price that came with the event, in minor units.
  add column amount_minor numeric;

alter table usage_series add column generation integer not null default 1;
drop index usage_series_identity;
create unique index usage_series_identity on usage_series
  (customer_id, billable_metric_id, generation, external_subscription_id, dimensions) nulls not distinct;

-- What merges beside a sum: the largest and smallest value, the sum of value times microseconds since the epoch (for
-- weighted sums), and the latest value by time, then arrival. Null where the metric does not need it.
alter table usage_rollups
  add column value_max numeric,
  add column value_min numeric,
  add column value_time_sum numeric,
  add column latest_at timestamptz,
  add column latest_arrival bigint,
  add column latest_value numeric;

-- How far a rebuild has come: this customer's events up to this time and arrival are counted, those of customers with
-- smaller keys all of them.
alter table billable_metrics
  add column rebuild_at timestamptz,
  add column rebuild_arrival bigint;
create index unprocessed_events_by_event on unprocessed_events (customer_id, event_key);
