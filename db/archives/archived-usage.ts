import { AppError } from '../../shared/errors.ts'
import { DAY } from '../../shared/metering/buckets.ts'
import { prepared } from '../prepared-statements.ts'
import type { Statements } from '../statements.ts'
import type { UsageMonth } from './usage-month.ts'

/** What of an organization's raw events lies in one folder of an archive. */
export interface ArchivedUsage {
  readonly organizationId: number
  readonly month: UsageMonth
  readonly folder: string
  readonly eventsCount: number
  readonly manifestSha256: string
}

/** What is archived, of one organization or of all, by month. */
export async function listArchivedUsage(
  client: Statements,
  organizationId: number | undefined,
): Promise<readonly ArchivedUsage[]> {
  const { rows } = await client.query<ArchivedUsage & { eventsCount: string }>(
    `select organization_id as "organizationId", to_char(month, 'YYYY-MM') as month, folder,
       events_count::text as "eventsCount", manifest_sha256 as "manifestSha256"
     from archived_usage where $1::integer is null or organization_id = $1
     order by archived_usage.month, folder, organization_id`,
    [organizationId ?? null],
  )
  return rows.map((row) => ({ ...row, eventsCount: Number(row.eventsCount) }))
}

/** A half-open range of time as ISO texts; null is without a bound. */
export interface ReadRange {
  readonly start: string | null
  readonly end: string | null
}

/**
 * Refuses to read raw events where some have been archived: what is left would be too few. Throws `usage_archived` with the
 * first such month.
 */
export async function refuseArchived(
  client: Statements,
  organizationId: number,
  ranges: readonly ReadRange[],
): Promise<void> {
  const { rows } = await client.query<{ month: UsageMonth }>(ARCHIVED_WITHIN, [
    organizationId,
    ranges.map(({ start }) => start),
    ranges.map(({ end }) => end),
  ])
  if (rows[0] !== undefined) throw usageArchived(rows[0].month)
}

const ARCHIVED_WITHIN = prepared(
  `select to_char(archived.month, 'YYYY-MM') as month
   from archived_usage archived
   join unnest($2::timestamptz[], $3::timestamptz[]) as read (range_start, range_end)
     on coalesce(read.range_start, '-infinity') < (archived.month + interval '1 month')::timestamp at time zone 'UTC'
     and coalesce(read.range_end, 'infinity') > archived.month::timestamp at time zone 'UTC'
   where archived.organization_id = $1
   order by 1 limit 1`,
)

/**
 * Refuses to count metrics anew that have usage in archived months: it would lose their rollups. Throws `usage_archived`
 * with the first such month.
 */
export async function refuseArchivedMetrics(
  client: Statements,
  organizationId: number,
  metricIds: readonly string[],
): Promise<void> {
  const { rows } = await client.query<{ month: UsageMonth }>(
    `select to_char(archived.month, 'YYYY-MM') as month
     from (select distinct month from archived_usage where organization_id = $1) archived
     where exists (
       select from usage_series series
       join usage_rollups rollup on rollup.customer_id = series.customer_id and rollup.series_id = series.series_id
         and rollup.level = ${DAY} and rollup.bucket >= archived.month - date '1970-01-01'
         and rollup.bucket < (archived.month + interval '1 month')::date - date '1970-01-01'
       where series.organization_id = $1 and series.billable_metric_id = any($2::uuid[]))
     order by 1 limit 1`,
    [organizationId, metricIds],
  )
  if (rows[0] !== undefined) throw usageArchived(rows[0].month)
}

/** Says of an event that is known and has no row that it is archived, where that is why. Throws `usage_archived`. */
export async function refuseArchivedEvent(
  client: Statements,
  organizationId: number,
  { customerId, eventKey }: { customerId: number; eventKey: string },
): Promise<void> {
  const { rows } = await client.query<{ month: UsageMonth }>(
    `select to_char(archived.month, 'YYYY-MM') as month
     from event_keys key
     join archived_usage archived on archived.organization_id = key.organization_id
       and archived.month = date_trunc('month', key."timestamp" at time zone 'UTC')::date
     where key.organization_id = $1 and key.customer_id = $2 and key.event_key = $3 limit 1`,
    [organizationId, customerId, eventKey],
  )
  if (rows[0] !== undefined) throw usageArchived(rows[0].month)
}

function usageArchived(month: UsageMonth): AppError {
  return new AppError('usage_archived', needsArchived(month))
}

/** Why something is refused that reads single events of a month, and what helps. */
export function needsArchived(month: UsageMonth): string {
  return `this needs the single events of ${month}, which are archived; an operator can restore that month`
}
