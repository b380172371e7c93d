import { sql } from 'kysely'
import { aggregationOf } from '../../../shared/metering/aggregations.ts'
import { NO_USAGE } from '../../../shared/metering/usage-part.ts'
import type { OrganizationTransaction } from '../../connection.ts'
import { countStoredEvent, type StoredEventRow } from '../count-stored-event.ts'
import { eventsInScope, type MicrosRange } from './events-in-scope.ts'
import { tooLarge } from './report-limits.ts'
import type { UsagePiece, UsageReportLimits, UsageReportRequest, UsageReportTime } from './usage-report.ts'

interface EventRow extends StoredEventRow {
  readonly windowIndex: number
  readonly customerId: number | null
  readonly externalSubscriptionId: string | null
  readonly groups: readonly string[]
}

/** Reads raw events one by one, for units that follow from the events themselves: one piece an event, in order. */
export async function readEachEvent(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: UsageReportRequest,
  { time, ranges, limits }: { time: UsageReportTime; ranges: readonly MicrosRange[]; limits: UsageReportLimits },
): Promise<UsagePiece[]> {
  const { rows } = await sql<EventRow>`
    select window_index, customer_id, external_subscription_id, groups, "timestamp", arrival::text as arrival,
      amount_minor::text as amount_minor, properties::text as properties
    from ${eventsInScope(organizationId, request, time, ranges)}
    order by "timestamp", arrival
    limit ${limits.events + 1}`.execute(transaction)
  if (rows.length > limits.events) throw tooLarge(`it reads more than ${limits.events} events one by one`)
  return rows.map((row) => pieceOf(row, request))
}

function pieceOf(row: EventRow, { metric }: UsageReportRequest): UsagePiece {
  const { windowIndex: window, customerId, externalSubscriptionId, groups, timestamp } = row
  const counted = countStoredEvent(row, metric)
  const isKept = aggregationOf(metric.aggregation).source === 'events'
  return {
    key: { window, customerId, externalSubscriptionId, groups },
    part: counted?.part ?? NO_USAGE,
    events: counted !== undefined && isKept ? [counted.value] : [],
    seen: { first: timestamp, last: timestamp },
  }
}
