import { type RawBuilder, sql } from 'kysely'

/**
 * Whether no metric of the organization of a row is being counted anew: billing waits for such usage. `row` is the name
 * that a query has for it.
 */
export function notRebuilding(row: string): RawBuilder<boolean> {
  return sql`not exists (select from billable_metrics metric
    where metric.organization_id = ${sql.ref(`${row}.organization_id`)} and metric.rebuild_cursor is not null)`
}
