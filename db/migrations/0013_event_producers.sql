-- Whether everything that was sent has arrived. A producer numbers its events from 1; what it has skipped so far is a gap.
-- Gaps are kept instead of what has arrived, because a healthy producer has none, and each remembers since when.
create table event_producers (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  producer_id text not null,
  -- Of all that was received or reported as dropped.
  highest_sequence bigint not null default 0 check (highest_sequence >= 0),
  -- Different sequences, so a resend adds nothing.
  received_count bigint not null default 0 check (received_count >= 0),
  dropped_count bigint not null default 0 check (dropped_count >= 0),
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  unique (organization_id, producer_id)
);
create index event_producers_by_organization on event_producers (organization_id, id);
call close_by_organization('event_producers');

-- Its key is no customer's, because a producer serves many: in a distributed database it stays local.
create table event_producer_gaps (
  event_producer_id uuid not null references event_producers,
  first_sequence bigint not null check (first_sequence >= 1),
  last_sequence bigint not null,
  organization_id integer not null references organizations,
  missing_since timestamptz not null default now(),
  primary key (event_producer_id, first_sequence),
  check (last_sequence >= first_sequence)
);
call close_by_organization('event_producer_gaps');
