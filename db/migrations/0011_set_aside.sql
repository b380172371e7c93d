-- When the bill of a subscription, or the last rating of a draft, failed by itself, in real time: such rows are not due for a
-- while, so that a thousand of them do not hide the others. Null: it did not, or has succeeded since.
alter table subscriptions add column billing_failed_at timestamptz;
alter table invoices add column billing_failed_at timestamptz;
