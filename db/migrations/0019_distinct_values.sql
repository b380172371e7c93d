-- Distinct counts without reading every event: when each value was last seen, whether that event took it away, and per
-- bucket the number of values that were last seen in it. Those last seen since a time are the values used since then.
create table usage_distinct_values (
  customer_id integer not null,
  series_id bigint not null,
  -- 128 bits of SHA-256 of the value.
  value_hash uuid not null,
  organization_id integer not null,
  -- Of the last event by time, then arrival.
  last_at timestamptz not null,
  last_arrival bigint not null,
  is_present boolean not null,
  primary key (customer_id, series_id, value_hash)
) with (fillfactor = 80);
call close_by_organization('usage_distinct_values');

alter table usage_rollups
  -- Values whose last event lies in the bucket; null where the metric counts no distinct values.
  add column distinct_values bigint,
  -- Those of them that this event did not take away.
  add column distinct_present bigint;

-- False once an event was corrected that was the last of its value: then only raw events tell what came before it.
alter table usage_series add column distinct_exact boolean not null default true;

-- Metrics that are there already are counted anew; arrivals from here on are counted as they come.
do $$
declare
  metric record;
begin
  for metric in select id, organization_id from billable_metrics where aggregation = 'unique_count' order by organization_id, id
  loop
    perform pg_advisory_xact_lock(728253371, metric.organization_id);
    update billable_metrics
    set generation = generation + 1, counted_from = nextval('usage_arrivals') * 1048576, rebuild_cursor = 0,
      rebuild_at = null, rebuild_arrival = null, updated_at = now()
    where id = metric.id and exists (select from customers where organization_id = metric.organization_id);
  end loop;
end $$;
