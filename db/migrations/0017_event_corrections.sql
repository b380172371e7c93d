-- Raw events never change (law 3), and yet what was sent may be wrong. A correction is a fact beside them: it voids one row,
-- or replaces it by another of the same source and transaction id, and says why. Whoever counts or reads usage asks for
-- `live_usage_events`: the rows that no correction took away.
create table event_corrections (
  customer_id integer not null,
  -- The event: the key of its row that was sent.
  identity uuid not null,
  -- The row that is corrected: 1 is that which was sent, the next ones came with amendments.
  revision integer not null check (revision > 0),
  id uuid not null default uuidv7(),
  organization_id integer not null,
  event_key uuid not null,
  "timestamp" timestamptz not null,
  kind text not null check (kind in ('void', 'amend')),
  reason text not null check (reason <> ''),
  -- The row that counts in its place.
  replacement_key uuid,
  replacement_timestamp timestamptz,
  api_key_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (customer_id, identity, revision),
  check ((kind = 'amend') = (replacement_key is not null)),
  check ((replacement_key is null) = (replacement_timestamp is null))
);
-- One row is corrected once.
create unique index event_corrections_of_row on event_corrections (customer_id, event_key);
create unique index event_corrections_by_replacement on event_corrections (customer_id, replacement_key)
  where replacement_key is not null;
create index event_corrections_by_organization on event_corrections (organization_id, id);
call close_by_organization('event_corrections');
revoke update, delete on event_corrections from tabkeeper_app, tabkeeper_worker;

create view live_usage_events with (security_invoker = true) as
  select customer_id, organization_id, "timestamp", event_key, received_at, code, source, transaction_id,
    external_subscription_id, properties, arrival, amount_minor
  from usage_events event
  where not exists (
    select from event_corrections correction
    where correction.customer_id = event.customer_id and correction.event_key = event.event_key);
grant select on live_usage_events to tabkeeper_app, tabkeeper_worker;

-- Where the row of a key is to be found: raw events have no index on their keys.
alter table event_keys add column "timestamp" timestamptz;
update event_keys set "timestamp" = event."timestamp"
  from usage_events event where event.customer_id = event_keys.customer_id and event.event_key = event_keys.event_key;
alter table event_keys alter column "timestamp" set not null;

-- An amendment is committed before it is answered, so the process that answers writes the row that counts from then on.
grant insert on usage_events, event_keys to tabkeeper_app;

-- Partitions belong to the worker, and an amended time may be the first of its month.
create function ensure_usage_partition(month date) returns void
  language plpgsql security definer set search_path = tabkeeper as $$
declare
  first_day date := date_trunc('month', month::timestamp)::date;
  name text := 'usage_events_' || to_char(first_day, 'YYYY_MM');
begin
  if to_regclass(name) is not null then
    return;
  end if;
  -- Creating a partition waits for running inserts, and two creations of one month must not race.
  perform pg_advisory_xact_lock(7282533702);
  execute format('create table if not exists %I partition of usage_events for values from (%L) to (%L)', name,
    first_day::timestamp at time zone 'UTC', (first_day + interval '1 month')::timestamp at time zone 'UTC');
end $$;
alter function ensure_usage_partition owner to tabkeeper_worker;
revoke execute on function ensure_usage_partition from public;
grant execute on function ensure_usage_partition to tabkeeper_app, tabkeeper_worker;
