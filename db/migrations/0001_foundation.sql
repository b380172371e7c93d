-- The whole house in small: tenants, catalogue, subscriptions, usage, invoices, ledger, outbox and clock, each with its
-- row policy, so that nothing later has to be torn out to become safe for many organizations.
--
-- Two roles besides the owner:
--   tabkeeper_app     the API and every job that works for one organization; sees only the rows of the organization
--                     named in the setting tabkeeper.organization_id.
--   tabkeeper_worker  work that ranges over organizations. It owns the two ingest tables, because COPY does not run
--                     under a row policy and partitions are added as time goes on.
do $$
begin
  if not exists (select from pg_roles where rolname = 'tabkeeper_app') then
    create role tabkeeper_app nologin;
  end if;
  if not exists (select from pg_roles where rolname = 'tabkeeper_worker') then
    create role tabkeeper_worker nologin;
  end if;
  execute format('grant tabkeeper_app, tabkeeper_worker to %I', current_user);
end $$;
grant tabkeeper_app to tabkeeper_worker;
grant usage on schema tabkeeper to tabkeeper_app, tabkeeper_worker;
grant create on schema tabkeeper to tabkeeper_worker;

-- The organization whose rows the current transaction may see; null sees none.
create function current_organization_id() returns integer
  language sql stable parallel safe
  return nullif(current_setting('tabkeeper.organization_id', true), '')::integer;

-- Organizations and customers have integer keys because every usage row carries both.
create table organizations (
  organization_id integer generated always as identity primary key,
  id uuid not null unique default uuidv7(),
  name text not null,
  currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
  time_zone text not null default 'UTC',
  created_at timestamptz not null default now()
);

create table api_keys (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  name text not null,
  key_prefix text not null,
  key_hash bytea not null unique,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

create table operators (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  username text not null unique,
  password_hash text not null,
  created_at timestamptz not null default now()
);

-- One movable clock per organization in test mode (law 13); an organization without one lives on real time.
create table test_clocks (
  id uuid primary key default uuidv7(),
  organization_id integer not null unique references organizations,
  name text,
  frozen_time timestamptz not null,
  status text not null default 'ready' check (status in ('ready', 'advancing')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table issuers (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  code text not null,
  name text not null,
  is_default boolean not null default false,
  grace_period_seconds integer not null default 3600 check (grace_period_seconds >= 0),
  net_payment_term_days integer not null default 0 check (net_payment_term_days >= 0),
  invoice_number_prefix text not null,
  last_invoice_number bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, code)
);
create unique index issuers_one_default on issuers (organization_id) where is_default;

-- A row appears when the API registers a customer or when usage first names one: usage of a customer who is not
-- registered yet is metered at once and becomes billable, unchanged, on registration.
create table customers (
  customer_id integer generated always as identity primary key,
  id uuid not null unique default uuidv7(),
  organization_id integer not null references organizations,
  external_id text not null,
  registered_at timestamptz,
  name text,
  email text,
  currency text check (currency ~ '^[A-Z]{3}$'),
  time_zone text,
  metadata jsonb not null default '{}',
  updated_at timestamptz not null default now(),
  unique (organization_id, external_id)
);
create index customers_registered on customers (organization_id, id) where registered_at is not null;

create table billable_metrics (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  code text not null,
  name text not null,
  description text,
  aggregation text not null check (aggregation in ('count', 'sum')),
  field_name text,
  event_code text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, code),
  check (aggregation = 'count' or field_name is not null)
);
create index billable_metrics_by_event on billable_metrics (organization_id, event_code);

create table plans (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  code text not null,
  name text not null,
  description text,
  archived_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, code)
);

-- What a subscription bought: it keeps its version when the plan moves on.
create table plan_versions (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  plan_id uuid not null references plans,
  version integer not null check (version > 0),
  billing_interval text not null check (billing_interval in ('weekly', 'monthly', 'quarterly', 'yearly')),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  trial_period_days integer not null default 0 check (trial_period_days >= 0),
  published_at timestamptz,
  created_at timestamptz not null default now(),
  unique (plan_id, version)
);

create table price_components (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  plan_version_id uuid not null references plan_versions,
  position integer not null,
  kind text not null check (kind in ('rate', 'slot', 'capacity', 'usage', 'recurring', 'one_time')),
  name text not null,
  billable_metric_id uuid references billable_metrics,
  timing text not null default 'arrears' check (timing in ('advance', 'arrears')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (plan_version_id, position),
  check ((kind = 'usage') = (billable_metric_id is not null))
);

-- A component has one or more prices; cadence null means the plan's interval.
create table prices (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  price_component_id uuid not null references price_components,
  cadence text check (cadence in ('weekly', 'monthly', 'quarterly', 'yearly')),
  charge_model text,
  -- json, not jsonb: they are read back as they were written, order and digits included.
  properties json not null default '{}',
  amount_minor bigint check (amount_minor >= 0),
  check ((charge_model is null) <> (amount_minor is null))
);
create index prices_by_component on prices (price_component_id);

create table subscriptions (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  customer_id integer not null references customers,
  external_id text not null,
  plan_version_id uuid not null references plan_versions,
  issuer_id uuid not null references issuers,
  name text,
  status text not null check (status in ('pending_activation', 'pending_charge', 'trial_active', 'active', 'trial_expired',
    'paused', 'suspended', 'cancelled', 'completed', 'superseded', 'errored')),
  billing_time text not null check (billing_time in ('calendar', 'anniversary')),
  own_events_only boolean not null default false,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  time_zone text not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  cancelled_at timestamptz,
  -- When it was entered, by the organization's clock: it never takes over usage from before that another one had.
  entered_at timestamptz not null,
  -- The stored bounds of the period that runs now (law 12); null before the start and after the end.
  current_period_start timestamptz,
  current_period_end timestamptz,
  -- When a worker must look at this subscription next; null when it never has to again.
  next_billing_at timestamptz,
  next_lifecycle_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (ended_at is null or ended_at >= started_at)
);
-- An external id may come back after its subscription has ended.
create unique index subscriptions_live_external_id on subscriptions (organization_id, external_id)
  where status not in ('cancelled', 'completed', 'superseded');
create index subscriptions_by_customer on subscriptions (customer_id);
-- Due work is found across organizations by real time, and per organization by its test clock.
create index subscriptions_due_billing on subscriptions (next_billing_at) where next_billing_at is not null;
create index subscriptions_due_billing_of on subscriptions (organization_id, next_billing_at) where next_billing_at is not null;
create index subscriptions_due_lifecycle on subscriptions (next_lifecycle_at) where next_lifecycle_at is not null;
create index subscriptions_due_lifecycle_of on subscriptions (organization_id, next_lifecycle_at) where next_lifecycle_at is not null;

-- Raw events are immutable facts (law 3). Monthly partitions by event time are added by the worker that first needs them.
create table usage_events (
  customer_id integer not null,
  organization_id integer not null,
  "timestamp" timestamptz not null,
  event_key uuid not null,
  received_at timestamptz not null,
  code text not null,
  source text not null,
  transaction_id text not null,
  external_subscription_id text,
  properties jsonb not null
) partition by range ("timestamp");
create index usage_events_by_customer on usage_events (customer_id, "timestamp");

-- The promise that an event counts once, for ever: customer and 128-bit hash of source and transaction id.
-- The content hash tells a resend from another event under the same id.
create table event_keys (
  customer_id integer not null,
  event_key uuid not null,
  organization_id integer not null,
  content_hash bigint not null,
  primary key (customer_id, event_key)
) partition by hash (customer_id);
do $$
begin
  for remainder in 0..7 loop
    execute format('create table event_keys_%s partition of event_keys for values with (modulus 8, remainder %s)', remainder, remainder);
  end loop;
end $$;

-- One row per customer, metric, subscription named by the events, and price-relevant dimension values.
create table usage_series (
  customer_id integer not null,
  series_id bigint generated always as identity,
  organization_id integer not null,
  billable_metric_id uuid not null,
  external_subscription_id text,
  dimensions jsonb not null default '{}',
  primary key (customer_id, series_id)
);
create unique index usage_series_identity on usage_series
  (customer_id, billable_metric_id, external_subscription_id, dimensions) nulls not distinct;

-- Usage summed per series and bucket. Level 0: 15-minute UTC buckets, on which the midnight of every zone falls;
-- level 1: UTC days. The bucket is its number since the epoch, in units of its level.
create table usage_rollups (
  customer_id integer not null,
  series_id bigint not null,
  level smallint not null check (level in (0, 1)),
  bucket integer not null,
  organization_id integer not null,
  events_count bigint not null,
  value_sum numeric not null,
  primary key (customer_id, series_id, level, bucket)
) with (fillfactor = 80);

-- What could not be counted, per event, metric and reason (law 4); the raw event itself is kept in usage_events.
create table unprocessed_events (
  customer_id integer not null,
  id uuid not null default uuidv7(),
  organization_id integer not null,
  event_key uuid not null,
  "timestamp" timestamptz not null,
  code text not null,
  transaction_id text not null,
  billable_metric_id uuid,
  reason text not null check (reason in ('customer_not_found', 'metric_not_found', 'subscription_not_found',
    'value_missing', 'value_not_a_number', 'duplicate_conflict', 'processing_failed')),
  details jsonb not null default '{}',
  created_at timestamptz not null default now(),
  primary key (customer_id, id)
);
create unique index unprocessed_events_once on unprocessed_events
  (customer_id, event_key, billable_metric_id, reason, md5(details::text)) nulls not distinct;
create index unprocessed_events_by_reason on unprocessed_events (organization_id, reason, id);

-- Customers with usage that has not been priced yet: a mark, not a queue, so a thousand events cost one row.
create table touched_customers (
  customer_id integer primary key,
  organization_id integer not null,
  touched_at timestamptz not null
);

-- What the period that runs now costs so far; derived, and recomputed at any time (law 3).
create table running_charges (
  customer_id integer not null,
  subscription_id uuid not null,
  price_component_id uuid not null,
  organization_id integer not null,
  period_start timestamptz not null,
  period_end timestamptz not null,
  units numeric not null,
  events_count bigint not null,
  amount numeric not null,
  currency text not null,
  priced_at timestamptz not null,
  primary key (customer_id, subscription_id, price_component_id)
);

create table invoices (
  customer_id integer not null references customers,
  id uuid not null default uuidv7() unique,
  organization_id integer not null references organizations,
  issuer_id uuid not null references issuers,
  subscription_id uuid references subscriptions,
  -- subscription_create: what is due in advance at the start; subscription_cycle: the end of a period, the last included.
  kind text not null check (kind in ('subscription_create', 'subscription_cycle')),
  period_start timestamptz not null,
  period_end timestamptz not null,
  sequence integer not null default 0,
  -- Voiding hands the claim on: the voided invoice keeps its row but no longer holds the claim.
  holds_claim boolean not null default true,
  status text not null check (status in ('draft', 'finalized', 'voided')),
  number text,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  -- Wider than any sum of what can be priced, so that no amount can stop a billing run.
  subtotal_minor numeric(80, 0) not null,
  tax_minor numeric(80, 0) not null default 0,
  total_minor numeric(80, 0) not null,
  issued_at timestamptz not null,
  finalize_at timestamptz,
  finalized_at timestamptz,
  due_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (customer_id, id),
  check (total_minor = subtotal_minor + tax_minor),
  check ((status = 'draft') = (number is null)),
  check ((status = 'draft') = (finalized_at is null))
);
create unique index invoices_claim on invoices (subscription_id, kind, period_start, sequence) where holds_claim;
create unique index invoices_number on invoices (issuer_id, number);
create index invoices_by_organization on invoices (organization_id, id);
create index invoices_due_finalization on invoices (finalize_at) where status = 'draft';
create index invoices_due_finalization_of on invoices (organization_id, finalize_at) where status = 'draft';

create table invoice_lines (
  customer_id integer not null,
  invoice_id uuid not null references invoices (id),
  position integer not null,
  id uuid not null default uuidv7(),
  organization_id integer not null references organizations,
  kind text not null check (kind in ('plan_fee', 'usage')),
  description text not null,
  price_component_id uuid not null references price_components,
  price_id uuid not null references prices,
  billable_metric_id uuid references billable_metrics,
  charge_model text,
  period_start timestamptz not null,
  period_end timestamptz not null,
  units numeric not null,
  events_count bigint not null,
  unit_amount numeric not null,
  amount numeric not null,
  amount_minor numeric(80, 0) not null,
  billed_days integer,
  period_days integer,
  steps json not null default '[]',
  primary key (customer_id, invoice_id, position)
);

-- Payment lives beside the invoice, whose own content never changes once finalized (law 9).
create table invoice_payment_states (
  customer_id integer not null,
  invoice_id uuid not null references invoices (id),
  organization_id integer not null references organizations,
  status text not null check (status in ('pending', 'paid', 'failed', 'uncollectible')),
  amount_paid_minor numeric(80, 0) not null default 0,
  updated_at timestamptz not null default now(),
  primary key (customer_id, invoice_id)
);

create table ledger_accounts (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  customer_id integer references customers,
  kind text not null check (kind in ('receivable', 'revenue', 'tax_payable', 'cash')),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  created_at timestamptz not null default now()
);
create unique index ledger_accounts_identity on ledger_accounts (organization_id, customer_id, kind, currency) nulls not distinct;

-- Debit and credit stand in one row, so the ledger is balanced by construction (law 8).
create table ledger_postings (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  customer_id integer references customers,
  debit_account_id uuid not null references ledger_accounts,
  credit_account_id uuid not null references ledger_accounts,
  amount_minor numeric(80, 0) not null check (amount_minor > 0),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  reason text not null,
  reference_kind text not null,
  reference_id text not null,
  posted_at timestamptz not null,
  unique (organization_id, reference_kind, reference_id, reason),
  check (debit_account_id <> credit_account_id)
);

-- A domain change and its announcement commit together; the relay turns the row into jobs.
create table outbox (
  id bigint generated always as identity primary key,
  organization_id integer not null references organizations,
  topic text not null,
  payload jsonb not null,
  created_at timestamptz not null default now(),
  relayed_at timestamptz
);
create index outbox_unrelayed on outbox (id) where relayed_at is null;

-- The content of a finalized invoice never changes: not by a bug, not by hand (law 9).
create function refuse_change_of_finalized_invoice() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    if old.status <> 'draft' then
      raise exception 'invoice % is %, its content never changes', old.id, old.status using errcode = 'integrity_constraint_violation';
    end if;
    return old;
  end if;
  if old.status <> 'draft' and
     (to_jsonb(new) - '{status,holds_claim,updated_at}'::text[]) is distinct from (to_jsonb(old) - '{status,holds_claim,updated_at}'::text[]) then
    raise exception 'invoice % is %, its content never changes', old.id, old.status using errcode = 'integrity_constraint_violation';
  end if;
  if (old.status = 'finalized' and new.status = 'draft') or (old.status = 'voided' and new.status <> 'voided') then
    raise exception 'invoice % cannot go from % to %', old.id, old.status, new.status using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
create trigger invoices_stay before update or delete on invoices
  for each row execute function refuse_change_of_finalized_invoice();

create function refuse_change_of_finalized_lines() returns trigger language plpgsql as $$
declare
  invoice_status text;
begin
  select status into invoice_status from tabkeeper.invoices where id = coalesce(new.invoice_id, old.invoice_id);
  if invoice_status <> 'draft' then
    raise exception 'invoice % is %, its lines never change', coalesce(new.invoice_id, old.invoice_id), invoice_status
      using errcode = 'integrity_constraint_violation';
  end if;
  return coalesce(new, old);
end $$;
create trigger invoice_lines_stay before insert or update or delete on invoice_lines
  for each row execute function refuse_change_of_finalized_lines();

create function refuse_change_of_posting() returns trigger language plpgsql as $$
begin
  raise exception 'ledger posting % never changes; post a reversal', old.id using errcode = 'integrity_constraint_violation';
end $$;
create trigger ledger_postings_stay before update or delete on ledger_postings
  for each row execute function refuse_change_of_posting();

-- Authentication comes before the organization is known, so these two look-ups run with the owner's rights and
-- answer only the row that the caller's secret or name points at.
create function find_api_key(presented_hash bytea) returns table (id uuid, organization_id integer)
  language sql stable security definer set search_path = tabkeeper
begin atomic
  select k.id, k.organization_id from api_keys k where k.key_hash = presented_hash and k.revoked_at is null;
end;
create function find_operator(presented_username text) returns table (id uuid, organization_id integer, password_hash text)
  language sql stable security definer set search_path = tabkeeper
begin atomic
  select o.id, o.organization_id, o.password_hash from operators o where o.username = presented_username;
end;
revoke execute on function find_api_key, find_operator from public;
grant execute on function find_api_key, find_operator to tabkeeper_app, tabkeeper_worker;

-- Closes a table of an organization: the app sees its own organization's rows, work across organizations sees all.
-- Every migration that adds such a table calls this; a test asserts that none is missing.
create procedure close_by_organization(closed regclass) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', closed);
  execute format('create policy of_organization on %s to tabkeeper_app
    using (organization_id = (select current_organization_id()))
    with check (organization_id = (select current_organization_id()))', closed);
  execute format('create policy across_organizations on %s to tabkeeper_worker using (true) with check (true)', closed);
  execute format('grant select, insert, update, delete on %s to tabkeeper_app, tabkeeper_worker', closed);
end $$;
do $$
declare
  closed regclass;
begin
  for closed in
    select c.oid from pg_class c
    where c.relnamespace = 'tabkeeper'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped)
  loop
    call close_by_organization(closed);
  end loop;
end $$;
revoke insert, update, delete on organizations, api_keys, operators, issuers, usage_events, event_keys, ledger_postings from tabkeeper_app;
grant update on organizations, issuers to tabkeeper_app;
grant insert on ledger_postings to tabkeeper_app;
alter table usage_events owner to tabkeeper_worker;
alter table event_keys owner to tabkeeper_worker;
do $$
begin
  for remainder in 0..7 loop
    execute format('alter table event_keys_%s owner to tabkeeper_worker', remainder);
  end loop;
end $$;
