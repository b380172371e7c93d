-- Raw events of old months may be kept as files outside of the database. Their rollups stay, and so do the claims of their
-- identities. What is kept here is enough to check the files, and to say that events are elsewhere instead of counting too
-- few.
create table archived_usage (
  organization_id integer not null references organizations,
  -- The first day of the month, in UTC, of the times of the events.
  month date not null check (extract(day from month) = 1),
  -- The folder within the archive; a month has another one for events that came after it was archived.
  folder text not null,
  events_count bigint not null check (events_count > 0),
  -- Of the manifest in the folder, which has the checksums of the files.
  manifest_sha256 text not null,
  archived_at timestamptz not null default now(),
  primary key (organization_id, month, folder)
);
call close_by_organization('archived_usage');
revoke insert, update, delete on archived_usage from tabkeeper_app;
