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
