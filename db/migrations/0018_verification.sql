-- What is derived can be compared with what it is derived from: a charge is right as of the time it was priced at, unless a
-- subscription has changed since it was written.

-- When a charge was written, in real time; it is priced as of the organization's own time.
alter table running_charges add column written_at timestamptz not null default now();
