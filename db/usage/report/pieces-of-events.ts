import { type RawBuilder, sql } from 'kysely'
import type { StoredPart } from '../../../shared/metering/aggregation.ts'
import { aggregationOf } from '../../../shared/metering/aggregations.ts'
import { numericContribution } from '../../../shared/metering/numeric-contribution.ts'
import type { OrganizationTransaction } from '../../connection.ts'
import { boundedSql, numberSql, propertySql } from '../property-sql.ts'
import type { UsageMetric } from '../usage-question.ts'
import { eventsInScope, type MicrosRange } from './events-in-scope.ts'
import { type PieceRow, pieceOf } from './piece-row.ts'
import { refuseRows } from './report-limits.ts'
import type { UsagePiece, UsageReportLimits, UsageReportRequest, UsageReportTime } from './usage-report.ts'

/** The `jsonb` number that each event adds to a metric, as an expression over `event`; undefined where SQL cannot tell. */
export function valueSql({ aggregation: name, fieldName, expression }: UsageMetric): RawBuilder<unknown> | undefined {
  const aggregation = aggregationOf(name)
  if (aggregation.source !== 'rollups' || expression !== null) return undefined
  if (aggregation.reads === 'nothing') return ONE
  // The rule by which SQL reads a number is that of this function and of no other.
  if (aggregation.contribution !== numericContribution || fieldName === null) return undefined
  return propertySql(sql`event.properties`, fieldName)
}

const ONE = sql`'1'::jsonb`

/** Adds up raw events inside the database: one piece per group and window, however many events there are. */
export async function sumEvents(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: UsageReportRequest,
  { time, ranges, value, limits }: SummedEvents,
): Promise<UsagePiece[]> {
  const aggregation = aggregationOf(request.metric.aggregation)
  const stores = aggregation.source === 'rollups' ? aggregation.stores : []
  const { rows } = await sql<PieceRow>`
    select window_index, customer_id, external_subscription_id, groups, count(value)::text as events_count,
      sum(value)::text as value_sum, ${stored(stores, 'max', sql`max(value)::text`)} as value_max,
      ${stored(stores, 'min', sql`min(value)::text`)} as value_min,
      ${stored(stores, 'timeSum', sql`sum(value * ${MICROS})::text`)} as value_time_sum,
      ${stored(stores, 'latest', LATEST)} as latest,
      min("timestamp") as first_seen, max("timestamp") as last_seen
    from ${valuedEvents(eventsInScope(organizationId, request, time, ranges), value)}
    group by window_index, customer_id, external_subscription_id, groups
    having count(value) > 0
    limit ${limits.rows + 1}`.execute(transaction)
  refuseRows(rows.length, limits)
  return rows.map(pieceOf)
}

interface SummedEvents {
  readonly time: UsageReportTime
  readonly ranges: readonly MicrosRange[]
  /** As `valueSql` gives it. */
  readonly value: RawBuilder<unknown>
  readonly limits: UsageReportLimits
}

// Each step is computed once per event: without the offsets, every aggregate would compute all of them again.
function valuedEvents(events: RawBuilder<unknown>, value: RawBuilder<unknown>): RawBuilder<unknown> {
  const keys = sql`window_index, customer_id, external_subscription_id, groups, "timestamp", arrival`
  return sql`(
    select ${keys}, ${boundedSql(sql`number`)} as value
    from (select ${keys}, ${numberSql(sql`field`)} as number
          from (select ${keys}, ${value} as field from ${events} offset 0) read offset 0) numbered
    offset 0) valued`
}

const MICROS = sql`(extract(epoch from "timestamp") * 1000000)`
// Lists compare by their first elements that differ: time, then arrival.
const LATEST = sql`max(array[${MICROS}, arrival, value]) filter (where value is not null)::text[]`

function stored(stores: readonly StoredPart[], part: StoredPart, expression: RawBuilder<unknown>): RawBuilder<unknown> {
  return stores.includes(part) ? expression : sql`null`
}
