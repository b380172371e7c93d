-- Every second a worker looks for reopened periods that are due for a note. Nearly all of them never are, because the next
-- invoice of their subscription bills them: only those that no invoice waits for are looked at.
alter table reopened_periods add column awaits_invoice boolean not null default false;
update reopened_periods period set awaits_invoice = true
  from subscriptions subscription
  join plan_versions version on version.id = subscription.plan_version_id
  join plans plan on plan.id = version.plan_id
  join organizations organization on organization.organization_id = subscription.organization_id
  where subscription.id = period.subscription_id and subscription.next_billing_at is not null
    and coalesce(plan.late_usage, organization.late_usage) <> 'note';
create index reopened_periods_to_note on reopened_periods (reopened_at) where not awaits_invoice;
drop index reopened_periods_due;
