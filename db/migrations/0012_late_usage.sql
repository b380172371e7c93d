-- Usage may change after its period was billed. A mark tells since when, so that the periods it changed can be found: null
-- is a mark from before it told.
alter table touched_customers add column earliest_at timestamptz;
