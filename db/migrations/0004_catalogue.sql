-- The rest of the catalogue: filters of metrics and on charges, what changes a price beside its model, intervals of any
-- length, and API keys with scopes that the API itself may create.
create table billable_metric_filters (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  billable_metric_id uuid not null references billable_metrics,
  -- The event property, and the values of it that prices may tell apart.
  key text not null,
  allowed_values text[] not null check (cardinality(allowed_values) > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (billable_metric_id, key)
);
call close_by_organization('billable_metric_filters');

-- Usage that matches all conditions of an entry is priced by the entry's own properties.
create table charge_filters (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  price_id uuid not null references prices,
  position integer not null,
  -- json, not jsonb: as it was written.
  properties json not null default '{}',
  display_name text,
  unique (price_id, position)
);
call close_by_organization('charge_filters');

-- One condition of an entry. No values: every value that the filter knows.
create table charge_filter_conditions (
  charge_filter_id uuid not null references charge_filters,
  position integer not null,
  organization_id integer not null references organizations,
  billable_metric_filter_id uuid not null references billable_metric_filters,
  written_values text[] not null,
  primary key (charge_filter_id, position),
  unique (charge_filter_id, billable_metric_filter_id)
);
call close_by_organization('charge_filter_conditions');

-- What is done to units or amount around the model: minimum, maximum, discounts, conversion. As it was written.
alter table prices add column modifiers json not null default '{}';

-- What the plan calls a component; null where it only goes by the name of its metric.
alter table price_components add column display_name text;

-- A plan bills weekly, monthly, quarterly, yearly, or every so many days, weeks, months or years: '10 days'. The name is
-- the word that the request gave beside such a length.
alter table plan_versions
  add column interval_name text check (interval_name in ('weekly', 'monthly', 'quarterly', 'yearly')),
  drop constraint plan_versions_billing_interval_check,
  add constraint plan_versions_billing_interval_check check
    (billing_interval ~ '^(weekly|monthly|quarterly|yearly|[1-9][0-9]{0,3} (days|weeks|months|years))$');

-- A key may do what its scopes say; one that names a customer speaks for that customer only.
alter table api_keys
  add column scopes text[] not null default '{*}'
    check (cardinality(scopes) > 0 and scopes <@ '{*,read,write,events:write}'::text[]),
  add column external_customer_id text,
  add column last_used_at timestamptz;
grant insert, update (revoked_at) on api_keys to tabkeeper_app;

-- As before, by the owner's rights, because the organization is not known yet. The use is noted once a minute.
drop function find_api_key(bytea);
create function find_api_key(presented_hash bytea)
  returns table (id uuid, organization_id integer, scopes text[], external_customer_id text)
  language sql volatile security definer set search_path = tabkeeper
begin atomic
  update api_keys k set last_used_at = now()
  where k.key_hash = presented_hash and k.revoked_at is null
    and (k.last_used_at is null or k.last_used_at < now() - interval '1 minute');
  select k.id, k.organization_id, k.scopes, k.external_customer_id
  from api_keys k where k.key_hash = presented_hash and k.revoked_at is null;
end;
revoke execute on function find_api_key from public;
grant execute on function find_api_key to tabkeeper_app, tabkeeper_worker;
