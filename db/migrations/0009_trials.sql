-- Trials: how a plan treats them, and when that of a subscription ends. Beside it the zone of an invoice's period, because
-- a subscription moves on to another zone when its customer does, from the next period on.
alter table plan_versions
  -- free: the fixed fee starts when the trial is over; paid: with the subscription.
  add column trial_kind text not null default 'free' check (trial_kind in ('free', 'paid')),
  add column trial_usage text not null default 'billed' check (trial_usage in ('billed', 'free'));

-- Exclusive; null without a trial. Subscriptions that exist were sold without one.
alter table subscriptions
  add column trial_ends_at timestamptz,
  add constraint subscriptions_trial_after_start check (trial_ends_at is null or trial_ends_at > started_at);

-- The days of the period are days of this zone.
alter table invoices add column time_zone text;
alter table invoices disable trigger invoices_stay;
update invoices set time_zone = coalesce(
  (select subscriptions.time_zone from subscriptions where subscriptions.id = invoices.subscription_id), 'UTC');
alter table invoices enable trigger invoices_stay;
alter table invoices alter column time_zone set not null;
