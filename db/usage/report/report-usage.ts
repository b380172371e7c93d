import { earlierInstant, laterInstant } from '../../../shared/calendar/instant-range.ts'
import { windowBorders } from '../../../shared/calendar/windows.ts'
import { measureUsage } from '../../../shared/metering/measure-usage.ts'
import { microsOfInstant } from '../../../shared/metering/timestamp.ts'
import { ZERO } from '../../../shared/money/decimal.ts'
import { listExternalIds } from '../../catalogue/customers.ts'
import type { OrganizationTransaction } from '../../connection.ts'
import { closeReportRange } from './close-report-range.ts'
import { readPieces } from './read-pieces.ts'
import { refuseRows, tooLarge, USAGE_REPORT_LIMITS, withinTime } from './report-limits.ts'
import type {
  UsagePiece,
  UsageReportLimits,
  UsageReportRequest,
  UsageReportRow,
  UsageReportTime,
} from './usage-report.ts'

/**
 * The units of a metric by window and group, in order of window, customer, subscription and group. Windows and groups
 * without usage have no row; only a count of the whole range is there with 0. Throws `usage_report_too_large` beyond the
 * limits.
 */
export async function reportUsage(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: UsageReportRequest,
  limits: UsageReportLimits = USAGE_REPORT_LIMITS,
): Promise<readonly UsageReportRow[]> {
  return await withinTime(transaction, limits, () => report(transaction, organizationId, request, limits))
}

async function report(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: UsageReportRequest,
  limits: UsageReportLimits,
): Promise<readonly UsageReportRow[]> {
  const time = await layOutTime(transaction, organizationId, request, limits)
  if (time === undefined) return []
  const pieces = await readPieces(transaction, organizationId, request, { time, limits })
  const groups = [...Map.groupBy(pieces, ({ key }) => JSON.stringify(key)).values()]
  refuseRows(groups.length, limits)
  const customerIds = new Set(groups.flatMap(([piece]) => piece?.key.customerId ?? []))
  const names = await listExternalIds(transaction, organizationId, [...customerIds])
  const rows = groups.flatMap((ofGroup) => rowOf(ofGroup, request, time, names))
  return rows.length === 0 ? emptyRows(request) : rows.sort(byPlace)
}

// Windows need a first and a last one; a single window takes its bounds from the events of each group.
async function layOutTime(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: UsageReportRequest,
  limits: UsageReportLimits,
): Promise<UsageReportTime | undefined> {
  const { start, end, windows } = request
  if (windows === null) return { start, end, borders: start === null || end === null ? [] : [start, end] }
  const range = await closeReportRange(transaction, organizationId, request)
  if (range === undefined) return undefined
  const borders = windowBorders(range, windows.size, windows.timeZone, limits.windows)
  if (borders === undefined) throw tooLarge(`its range has more than ${limits.windows} windows of a ${windows.size}`)
  return { ...range, borders }
}

function rowOf(
  pieces: readonly UsagePiece[],
  { metric }: UsageReportRequest,
  time: UsageReportTime,
  names: ReadonlyMap<number, string>,
): UsageReportRow[] {
  const key = pieces[0]?.key
  if (key === undefined) return []
  const { start, end } = windowOf(key.window, pieces, time)
  const startMicros = microsOfInstant(time.start === null ? start : laterInstant(start, time.start))
  const endMicros = microsOfInstant(time.end === null ? end : earlierInstant(end, time.end))
  const { units, eventsCount } = measureUsage(
    metric,
    { parts: pieces.map(({ part }) => part), carried: [], events: pieces.flatMap(({ events }) => events) },
    { startMicros, endMicros, periodMicros: endMicros - startMicros },
  )
  if (eventsCount === 0n) return []
  const externalCustomerId = key.customerId === null ? null : (names.get(key.customerId) ?? null)
  const { externalSubscriptionId, groups } = key
  return [{ start, end, externalCustomerId, externalSubscriptionId, groups, units, eventsCount }]
}

function windowOf(
  index: number,
  pieces: readonly UsagePiece[],
  { start, end, borders }: UsageReportTime,
): { start: Temporal.Instant; end: Temporal.Instant } {
  const [from, until] = [borders[index], borders[index + 1]]
  if (from !== undefined && until !== undefined) return { start: from, end: until }
  const seen = pieces.flatMap((piece) => piece.seen ?? [])
  const first = seen.map((one) => one.first).reduce(earlierInstant)
  const last = seen.map((one) => one.last).reduce(laterInstant)
  return { start: start ?? startOfMinute(first), end: end ?? startOfMinute(last).add({ minutes: 1 }) }
}

function startOfMinute(at: Temporal.Instant): Temporal.Instant {
  return at.round({ smallestUnit: 'minute', roundingMode: 'floor' })
}

const COUNTS: ReadonlySet<string> = new Set(['count', 'unique_count'])

// That nothing was counted is an answer; that nothing was the largest is none.
function emptyRows({ metric, start, end, windows, grouping }: UsageReportRequest): readonly UsageReportRow[] {
  const isGrouped = grouping.byCustomer || grouping.bySubscription || grouping.properties.length > 0
  if (windows !== null || isGrouped || start === null || end === null || !COUNTS.has(metric.aggregation)) return []
  const nobody = { externalCustomerId: null, externalSubscriptionId: null, groups: [] }
  return [{ start, end, ...nobody, units: ZERO, eventsCount: 0n }]
}

function byPlace(one: UsageReportRow, other: UsageReportRow): number {
  return Temporal.Instant.compare(one.start, other.start) || compareTexts(textsOf(one), textsOf(other))
}

function textsOf({ externalCustomerId, externalSubscriptionId, groups }: UsageReportRow): readonly string[] {
  return [externalCustomerId ?? '', externalSubscriptionId ?? '', ...groups]
}

function compareTexts(one: readonly string[], other: readonly string[]): number {
  const place = one.findIndex((text, index) => text !== other[index])
  const [left = '', right = ''] = [one[place], other[place]]
  return left === right ? 0 : left < right ? -1 : 1
}
