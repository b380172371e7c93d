-- Reading raw events takes long where there are many, and holds up nobody.

-- Whether an event was corrected is looked up for each by itself. As an anti join the planner, which expects a row where
-- hundreds of thousands come, compared each of them with every correction; `offset` keeps it from making it one.
create or replace view live_usage_events with (security_invoker = true) as
  select customer_id, organization_id, "timestamp", event_key, received_at, code, source, transaction_id,
    external_subscription_id, properties, arrival, amount_minor
  from usage_events event
  where not exists (
    select from event_corrections correction
    where correction.customer_id = event.customer_id and correction.event_key = event.event_key offset 0);

-- Customers whose mark of changed usage was taken, and who were not priced since. Ingestion writes the mark and waits for
-- whoever takes it; this row it never sees, so pricing may hold it for as long as it reads.
create table unpriced_customers (
  customer_id integer primary key,
  organization_id integer not null,
  unpriced_at timestamptz not null default now()
);
call close_by_organization('unpriced_customers');
