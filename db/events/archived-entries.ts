import { type RawBuilder, sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import { needsArchived } from '../archives/archived-usage.ts'

/** The month, in UTC, of the event of an entry. For queries that have entries as `e`. */
export const MONTH_OF_ENTRY: RawBuilder<string> = sql`to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM')`

/**
 * Whether trying the entry again would need its event, and the event is archived: only a metric that is to count it reads it
 * again. For queries that have entries as `e`.
 */
export function isArchivedEntry(organizationId: number): RawBuilder<boolean> {
  return sql`(e.billable_metric_id is not null
    and exists (select from archived_usage archived where archived.organization_id = ${organizationId}
      and archived.month = date_trunc('month', e."timestamp" at time zone 'UTC')::date)
    and not exists (select from usage_events event where event.customer_id = e.customer_id
      and event."timestamp" = e."timestamp" and event.event_key = e.event_key))`
}

/** Why an entry whose event is archived is not tried again. */
export function entryArchived(month: string): AppError {
  return new AppError('usage_archived', `${needsArchived(month)}, then try again`)
}
