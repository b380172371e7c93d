-- Prices by filter and group, and what modifiers of a charge add or take off.
alter table invoice_lines
  drop constraint invoice_lines_kind_check,
  add constraint invoice_lines_kind_check check (kind in ('plan_fee', 'usage', 'minimum_spend')),
  -- Which part of the usage a line prices: that of a filter, and of one combination of pricing group values.
  add column charge_filter_id uuid references charge_filters,
  add column grouped_by jsonb not null default '{}',
  -- As they were computed; the amounts of steps and adjustments add up to that of the line.
  add column adjustments json not null default '[]';

-- A component has a line for each portion of its usage. Running charges are derived: the next pricing writes them anew.
delete from running_charges;
alter table running_charges
  drop constraint running_charges_pkey,
  add column position integer not null,
  add column charge_filter_id uuid,
  add column grouped_by jsonb not null default '{}',
  add primary key (customer_id, subscription_id, position);
