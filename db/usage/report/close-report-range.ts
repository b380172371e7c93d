import { sql } from 'kysely'
import type { InstantRange } from '../../../shared/calendar/instant-range.ts'
import { refuseArchived } from '../../archives/archived-usage.ts'
import type { OrganizationTransaction } from '../../connection.ts'
import { list } from '../../list.ts'
import { statementsOf } from '../../statements.ts'
import type { UsageReportRequest } from './usage-report.ts'

/** The range of a report, from the first to the last event where it is open; undefined when there is no event. */
export async function closeReportRange(
  transaction: OrganizationTransaction,
  organizationId: number,
  { metric, start, end, scope }: Pick<UsageReportRequest, 'metric' | 'start' | 'end' | 'scope'>,
): Promise<InstantRange | undefined> {
  if (start !== null && end !== null) return { start, end }
  const { rows } = await sql<{ first: Temporal.Instant | null; last: Temporal.Instant | null }>`
    select min("timestamp") as first, max("timestamp") as last from live_usage_events
    where organization_id = ${organizationId} and code = ${metric.eventCode}
      and "timestamp" >= coalesce(${start?.toString() ?? null}::timestamptz, '-infinity')
      and "timestamp" < coalesce(${end?.toString() ?? null}::timestamptz, 'infinity')
      and (${scope.customerIds === null} or customer_id = any(${list(scope.customerIds ?? [])}::integer[]))`.execute(
    transaction,
  )
  const read = { start: start?.toString() ?? null, end: end?.toString() ?? null }
  // After they were read: a month may be archived at any moment, and is empty to whoever waited for that.
  await refuseArchived(statementsOf(transaction), organizationId, [read])
  const { first = null, last = null } = rows[0] ?? {}
  if (first === null || last === null) return undefined
  return { start: start ?? first, end: end ?? last.add({ microseconds: 1 }) }
}
