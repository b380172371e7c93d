-- What endpoints have heard is kept for a while and then deleted, the oldest first.
create index webhook_messages_by_age on webhook_messages (created_at);
create index outbox_by_age on outbox (relayed_at) where relayed_at is not null;
