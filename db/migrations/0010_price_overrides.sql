-- A subscription may have its own prices of charges too: properties, modifiers and the name on invoices.
alter table subscription_price_overrides
  alter column amount_minor drop not null,
  -- json, not jsonb: as they were written. Null: those of the plan.
  add column properties json,
  add column modifiers json,
  add column display_name text,
  add constraint subscription_price_overrides_of_fee_or_charge check
    (amount_minor is null or (properties is null and modifiers is null and display_name is null));
