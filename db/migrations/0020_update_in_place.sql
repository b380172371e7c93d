-- A batch updates nearly every row of a page of these: with half of it free, new versions stay on the page, no index is
-- written, and the old ones are cleared without a vacuum.
alter table usage_rollups set (fillfactor = 50);
alter table touched_customers set (fillfactor = 30);
