-- A subscription may also have its own prices of the filters of a charge.
alter table subscription_price_overrides
  -- json, not jsonb: the properties as they were written. A list of the charge filters that differ; null: none does.
  add column filters json,
  add constraint subscription_price_overrides_filters_of_charge check (amount_minor is null or filters is null);
