-- Money that moves outside of invoices: agents sell, customers pay them, and each transaction is taken in once by the
-- reference of its sender and posted once to the ledger. Beside it, prices that hold for one subscription only.

-- Whoever sells through the organization. A row appears when a request first names one.
create table agents (
  agent_id integer generated always as identity primary key,
  id uuid not null unique default uuidv7(),
  organization_id integer not null references organizations,
  external_id text not null,
  created_at timestamptz not null default now(),
  unique (organization_id, external_id)
);
call close_by_organization('agents');

-- The agent whose product the plan is; null for the organization's own plans.
alter table plans add column agent_id integer references agents;

-- What a component costs one subscription, in place of the amount in its plan.
create table subscription_price_overrides (
  subscription_id uuid not null references subscriptions,
  price_component_id uuid not null references price_components,
  organization_id integer not null references organizations,
  amount_minor bigint not null check (amount_minor >= 0),
  created_at timestamptz not null default now(),
  primary key (subscription_id, price_component_id)
);
call close_by_organization('subscription_price_overrides');

-- A transaction as it was taken in, committed before its sender is answered. The unique reference is the promise that
-- it moves money once. Its key is no customer's, because many name none: in a distributed database it stays local.
create table transactions (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  reference_id text not null,
  type text not null,
  -- Major units, every digit that was sent.
  amount numeric not null,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  agent_id integer references agents,
  customer_id integer references customers,
  description text,
  -- recorded: it moves no money, so nothing is posted.
  status text not null check (status in ('pending', 'posted', 'recorded')),
  created_at timestamptz not null default now(),
  posted_at timestamptz,
  unique (organization_id, reference_id),
  check (amount >= 0 or type = 'adjustment'),
  check ((status = 'posted') = (posted_at is not null))
);
create index transactions_by_organization on transactions (organization_id, id);
create index transactions_by_agent on transactions (organization_id, agent_id, id) where agent_id is not null;
create index transactions_by_customer on transactions (organization_id, customer_id, id) where customer_id is not null;
create index transactions_pending on transactions (id) where status = 'pending';
call close_by_organization('transactions');
-- What was sent never changes; only what became of it does.
revoke update, delete on transactions from tabkeeper_app, tabkeeper_worker;
grant update (status, posted_at) on transactions to tabkeeper_app;

alter table ledger_accounts
  add column agent_id integer references agents,
  drop constraint ledger_accounts_kind_check,
  add constraint ledger_accounts_kind_check check (kind in ('receivable', 'revenue', 'tax_payable', 'cash',
    'customer_balance', 'agent_payable', 'unassigned', 'adjustments'));
drop index ledger_accounts_identity;
create unique index ledger_accounts_identity on ledger_accounts
  (organization_id, customer_id, agent_id, kind, currency) nulls not distinct;

-- Still minor units, so that one column has one unit; a transaction may be worth less than one of them.
alter table ledger_postings
  alter column amount_minor type numeric,
  add constraint ledger_postings_whole_minor_units check (reference_kind = 'transaction' or amount_minor = trunc(amount_minor));

-- What the organization holds for a customer or owes an agent: the sum of the account's postings, credits minus debits,
-- in minor units. Derived, and kept with the postings so that reading it costs the same at any size.
create table ledger_balances (
  account_id uuid primary key references ledger_accounts,
  organization_id integer not null references organizations,
  balance_minor numeric not null,
  updated_at timestamptz not null default now()
);
call close_by_organization('ledger_balances');
