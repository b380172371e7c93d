import { aggregationOf } from '../../../shared/metering/aggregations.ts'
import { isoOfMicros, microsOfInstant } from '../../../shared/metering/timestamp.ts'
import { cutWindowsIntoBuckets } from '../../../shared/metering/window-buckets.ts'
import { refuseArchived } from '../../archives/archived-usage.ts'
import type { OrganizationTransaction } from '../../connection.ts'
import { statementsOf } from '../../statements.ts'
import { readEachEvent } from './each-event.ts'
import type { MicrosRange } from './events-in-scope.ts'
import { sumEvents, valueSql } from './pieces-of-events.ts'
import { hasDimension, sumRollups } from './pieces-of-rollups.ts'
import type { UsagePiece, UsageReportLimits, UsageReportRequest, UsageReportTime } from './usage-report.ts'

interface Layout {
  readonly time: UsageReportTime
  readonly limits: UsageReportLimits
}

/** Reads what a report is made of: rollups where they know all that is asked, and raw events for the rest. */
export async function readPieces(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: UsageReportRequest,
  { time, limits }: Layout,
): Promise<UsagePiece[]> {
  const whole: MicrosRange = { startMicros: microsOf(time.start), endMicros: microsOf(time.end) }
  if (!rollupsKnow(request, time)) return await readRaw(transaction, organizationId, request, { time, limits }, [whole])
  const { buckets, raw } = cutWindowsIntoBuckets(windowsWithin(time))
  // Where borders fall between quarter hours, every window has edges of its own.
  if (raw.length > MAX_EDGES) return await readRaw(transaction, organizationId, request, { time, limits }, [whole])
  return [
    ...(await sumRollups(transaction, organizationId, request, { time, limits, ranges: buckets })),
    ...(await readRaw(transaction, organizationId, request, { time, limits }, raw)),
  ]
}

const MAX_EDGES = 8

function rollupsKnow({ metric, grouping, scope }: UsageReportRequest, { borders }: UsageReportTime): boolean {
  if (borders.length === 0 || aggregationOf(metric.aggregation).source !== 'rollups') return false
  // Rollups know the subscription that an event names; who pays for those that name none is decided by time.
  if (grouping.bySubscription || scope.externalSubscriptionIds !== null) return false
  const properties = [...grouping.properties, ...scope.filters.map(({ property }) => property)]
  return properties.every((property) => hasDimension(metric, property))
}

async function readRaw(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: UsageReportRequest,
  { time, limits }: Layout,
  ranges: readonly MicrosRange[],
): Promise<UsagePiece[]> {
  if (ranges.length === 0) return []
  const value = valueSql(request.metric)
  const pieces =
    value === undefined
      ? await readEachEvent(transaction, organizationId, request, { time, limits, ranges })
      : await sumEvents(transaction, organizationId, request, { time, limits, ranges, value })
  const read = ranges.map(({ startMicros, endMicros }) => ({ start: isoOf(startMicros), end: isoOf(endMicros) }))
  // After they were read: a month may be archived at any moment, and is empty to whoever waited for that.
  await refuseArchived(statementsOf(transaction), organizationId, read)
  return pieces
}

function windowsWithin({ start, end, borders }: UsageReportTime): { startMicros: number; endMicros: number }[] {
  const [from, until] = [microsOf(start) ?? -Infinity, microsOf(end) ?? Infinity]
  const micros = borders.map(microsOfInstant)
  return micros.slice(0, -1).map((border, index) => ({
    startMicros: Math.max(border, from),
    endMicros: Math.min(micros[index + 1] ?? until, until),
  }))
}

function isoOf(micros: number | null): string | null {
  return micros === null ? null : isoOfMicros(micros)
}

function microsOf(instant: Temporal.Instant | null): number | null {
  return instant === null ? null : microsOfInstant(instant)
}
