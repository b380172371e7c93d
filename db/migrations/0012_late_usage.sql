-- Usage may change after its period was billed and the invoice is final. The difference to what was billed becomes lines of
-- the next invoice, or a note.

-- Since when the usage of a touched customer has changed; null on a mark from before marks told.
alter table touched_customers add column earliest_at timestamptz;

-- Periods, by the invoice that billed them, whose usage may cost something else by now: a mark, not a queue. Without
-- foreign keys, which would make pricing wait for invoices that are being finalized.
create table reopened_periods (
  customer_id integer not null,
  invoice_id uuid not null,
  organization_id integer not null,
  subscription_id uuid not null,
  -- By the clock of the organization: a note waits from then on for more of the kind.
  reopened_at timestamptz not null,
  -- When its note failed by itself, in real time; null: it did not.
  billing_failed_at timestamptz,
  primary key (customer_id, invoice_id)
);
create index reopened_periods_by_subscription on reopened_periods (subscription_id);
create index reopened_periods_due on reopened_periods (reopened_at);
call close_by_organization('reopened_periods');

alter table invoice_lines
  drop constraint invoice_lines_kind_check,
  add constraint invoice_lines_kind_check check (kind in ('plan_fee', 'usage', 'minimum_spend', 'late_usage', 'usage_credit')),
  -- A late line names the invoice of its own period, and which kind of line there it adds to.
  add column corrects_invoice_id uuid references invoices (id),
  add column corrected_kind text check (corrected_kind in ('usage', 'minimum_spend')),
  add constraint invoice_lines_late check (
    (corrects_invoice_id is null) = (kind not in ('late_usage', 'usage_credit'))
    and (corrects_invoice_id is null) = (corrected_kind is null));
create index invoice_lines_correcting on invoice_lines (corrects_invoice_id) where corrects_invoice_id is not null;

-- What becomes of late usage: lines of the next invoice, a note of its own, or nothing. A plan may differ.
alter table organizations add column late_usage text not null default 'next_invoice'
  check (late_usage in ('next_invoice', 'note', 'refuse'));
alter table plans add column late_usage text check (late_usage in ('next_invoice', 'note', 'refuse'));

-- A debit note is an invoice for late usage alone; it names the invoice it corrects.
alter table invoices
  drop constraint invoices_kind_check,
  add constraint invoices_kind_check check (kind in ('subscription_create', 'subscription_cycle', 'debit_note')),
  add column corrects_invoice_id uuid references invoices (id),
  add constraint invoices_correcting check ((kind = 'debit_note') = (corrects_invoice_id is not null));

alter table issuers
  add column credit_note_number_prefix text not null default 'CN-',
  add column last_credit_note_number bigint not null default 0;

-- What was billed too much, given back: numbered without gaps per issuer and never changed, as an invoice is.
create table credit_notes (
  customer_id integer not null references customers,
  id uuid not null default uuidv7() unique,
  organization_id integer not null references organizations,
  issuer_id uuid not null references issuers,
  subscription_id uuid references subscriptions,
  invoice_id uuid not null references invoices (id),
  -- The how manieth of its invoice: the claim by which each is issued once.
  sequence integer not null,
  number text not null,
  reason text not null check (reason = 'late_usage'),
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  subtotal_minor numeric(80, 0) not null,
  tax_minor numeric(80, 0) not null default 0,
  total_minor numeric(80, 0) not null check (total_minor > 0),
  issued_at timestamptz not null,
  created_at timestamptz not null default now(),
  primary key (customer_id, id),
  check (total_minor = subtotal_minor + tax_minor)
);
create unique index credit_notes_claim on credit_notes (invoice_id, sequence);
create unique index credit_notes_number on credit_notes (issuer_id, number);
create index credit_notes_by_organization on credit_notes (organization_id, id);

-- The lines keep the signs of invoice lines: they come to the total below zero.
create table credit_note_lines (
  customer_id integer not null,
  credit_note_id uuid not null references credit_notes (id),
  position integer not null,
  id uuid not null default uuidv7(),
  organization_id integer not null references organizations,
  kind text not null check (kind in ('late_usage', 'usage_credit')),
  description text not null,
  price_component_id uuid not null references price_components,
  price_id uuid not null references prices,
  billable_metric_id uuid references billable_metrics,
  charge_model text,
  charge_filter_id uuid references charge_filters,
  grouped_by jsonb not null default '{}',
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
  adjustments json not null default '[]',
  corrects_invoice_id uuid not null references invoices (id),
  corrected_kind text not null check (corrected_kind in ('usage', 'minimum_spend')),
  primary key (customer_id, credit_note_id, position)
);
create index credit_note_lines_correcting on credit_note_lines (corrects_invoice_id);

create function refuse_change_of_credit_note() returns trigger language plpgsql as $$
begin
  raise exception 'credit note % never changes', coalesce(to_jsonb(old) ->> 'credit_note_id', to_jsonb(old) ->> 'id')
    using errcode = 'integrity_constraint_violation';
end $$;
create trigger credit_notes_stay before update or delete on credit_notes
  for each row execute function refuse_change_of_credit_note();
create trigger credit_note_lines_stay before update or delete on credit_note_lines
  for each row execute function refuse_change_of_credit_note();

call close_by_organization('credit_notes');
call close_by_organization('credit_note_lines');

-- Usage that is refused because its period is closed; asked for in every transaction that counts, so it must cost nothing.
alter table unprocessed_events
  drop constraint unprocessed_events_reason_check,
  add constraint unprocessed_events_reason_check check (reason in ('customer_not_found', 'metric_not_found',
    'subscription_not_found', 'value_missing', 'value_not_a_number', 'expression_failed', 'duplicate_conflict',
    'processing_failed', 'period_closed'));
create index plans_refusing on plans (organization_id) where late_usage = 'refuse';
