-- An event may name a subscription that does not run at its time, so that nobody pays for it: that is told as well. Each
-- batch of events asks for the subscriptions that it names.
alter table unprocessed_events
  drop constraint unprocessed_events_reason_check,
  add constraint unprocessed_events_reason_check check (reason in ('customer_not_found', 'metric_not_found',
    'subscription_not_found', 'subscription_not_running', 'value_missing', 'value_not_a_number', 'expression_failed',
    'duplicate_conflict', 'processing_failed', 'period_closed'));
create index subscriptions_by_name on subscriptions (customer_id, external_id);
drop index subscriptions_by_customer;
