-- Telling the outside world: who wants to hear of changes, what was said, and what became of saying it. The state of
-- every delivery is kept here and not in a queue, so that a lost job delays a message and never loses it.
create table webhook_endpoints (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  url text not null,
  description text,
  -- Null: every type, those to come included.
  event_types text[] check (cardinality(event_types) > 0),
  -- Signing needs the secret itself, so it is encrypted and not hashed; the key is not in the database.
  sealed_secret bytea not null,
  previous_sealed_secret bytea,
  previous_secret_ends_at timestamptz,
  enabled boolean not null default true,
  disabled_reason text check (disabled_reason in ('requested', 'gone', 'failing')),
  -- The first failure since which nothing has arrived there.
  failing_since timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (enabled = (disabled_reason is null)),
  check ((previous_sealed_secret is null) = (previous_secret_ends_at is null))
);
create index webhook_endpoints_by_organization on webhook_endpoints (organization_id, id);

create table webhook_messages (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  -- One announcement makes one message, however often it is relayed.
  outbox_id bigint not null unique references outbox,
  type text not null,
  occurred_at timestamptz not null,
  -- Null until it is composed. Text, because signatures are over its bytes.
  body text,
  created_at timestamptz not null default now()
);
create index webhook_messages_by_organization on webhook_messages (organization_id, id);
create index webhook_messages_by_type on webhook_messages (organization_id, type, id);
create index webhook_messages_uncomposed on webhook_messages (id) where body is null;

create table webhook_deliveries (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  webhook_message_id uuid not null references webhook_messages,
  webhook_endpoint_id uuid not null references webhook_endpoints on delete cascade,
  status text not null default 'pending' check (status in ('pending', 'sending', 'delivered', 'failed')),
  failures integer not null default 0,
  -- When it is sent next; while it is being sent, when it is sent again because nobody has told how it went.
  next_attempt_at timestamptz,
  -- The attempt that may say how it went; an older one that comes back late may not.
  attempt_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (webhook_message_id, webhook_endpoint_id),
  check ((status in ('pending', 'sending')) = (next_attempt_at is not null))
);
create index webhook_deliveries_due on webhook_deliveries (webhook_endpoint_id, next_attempt_at)
  where next_attempt_at is not null;
create index webhook_deliveries_by_endpoint on webhook_deliveries (webhook_endpoint_id, webhook_message_id);
create index webhook_deliveries_failed on webhook_deliveries (organization_id, webhook_message_id) where status = 'failed';

create table webhook_attempts (
  id uuid primary key default uuidv7(),
  organization_id integer not null references organizations,
  webhook_delivery_id uuid not null references webhook_deliveries on delete cascade,
  started_at timestamptz not null,
  -- Null while it runs, and for ever when its process died.
  finished_at timestamptz,
  response_status integer,
  error text
);
create index webhook_attempts_by_delivery on webhook_attempts (webhook_delivery_id, id);

call close_by_organization('webhook_endpoints');
call close_by_organization('webhook_messages');
call close_by_organization('webhook_deliveries');
call close_by_organization('webhook_attempts');

-- Usage writes no announcements, because there is too much of it. What could not be counted is added up here, one row
-- per organization and reason, until it is announced.
create table unprocessed_alerts (
  organization_id integer not null references organizations,
  reason text not null,
  unannounced_events bigint not null default 0,
  since timestamptz,
  announced_at timestamptz,
  primary key (organization_id, reason)
);
create index unprocessed_alerts_due on unprocessed_alerts (announced_at) where unannounced_events > 0;
call close_by_organization('unprocessed_alerts');

-- Entries are listed, tried again and removed by id, without knowing their customer.
create index unprocessed_events_by_id on unprocessed_events (organization_id, id);
