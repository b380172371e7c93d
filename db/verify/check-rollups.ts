import { DAY, dayOfQuarterHour } from '../../shared/metering/buckets.ts'
import type { Statements } from '../statements.ts'
import { differencesOf, type RollupDifference } from './compare-days.ts'
import type { DifferenceLog } from './difference.ts'
import { pairedDays, type SelectedArchive } from './paired-days.ts'
import { listSelectedMetrics, type UsageSelection } from './usage-selection.ts'

/** What was looked at. */
export interface CheckedRollups {
  readonly rollups: number
  /** Codes of metrics that are being counted anew, and so were left out. */
  readonly rebuilding: readonly string[]
}

/**
 * Counts the raw events of a selection anew, by the rule of ingestion, and compares every column of every bucket. The
 * transaction must see one state of the database all along. Memory holds a day of one customer's buckets.
 */
export async function checkRollups(
  client: Statements,
  selection: UsageSelection,
  { archive, log }: { archive: SelectedArchive; log: DifferenceLog },
): Promise<CheckedRollups> {
  const metrics = await listSelectedMetrics(client, selection)
  const counted = metrics.filter(({ isRebuilding }) => !isRebuilding)
  const codes = new Map(metrics.map(({ id, code }) => [id, code]))
  let rollups = 0
  for await (const day of pairedDays(client, selection, { metrics: counted, archive })) {
    rollups += day.stored?.rollups.length ?? 0
    const differences = differencesOf(day)
    if (differences.length === 0) continue
    const customer = await requireExternalId(client, selection.organizationId, day.customerId)
    for (const difference of differences) {
      const { stored, computed } = difference
      log.add({ check: 'rollups', about: { customer, ...aboutBucket(difference, codes) }, stored, computed })
    }
  }
  if (selection.metricId === undefined) await checkSeries(client, selection, log)
  const rebuilding = metrics.filter(({ isRebuilding }) => isRebuilding).map(({ code }) => code)
  return { rollups, rebuilding }
}

function aboutBucket(
  { series, level, bucket, column }: RollupDifference,
  codes: ReadonlyMap<string, string>,
): Record<string, string> {
  const { metricId, externalSubscriptionId, dimensions } = series
  return {
    metric: codes.get(metricId) ?? metricId,
    ...(externalSubscriptionId === null ? {} : { subscription: externalSubscriptionId }),
    ...(Object.keys(dimensions).length === 0 ? {} : { dimensions: JSON.stringify(dimensions) }),
    bucket: level === DAY ? dayText(bucket) : quarterHourText(bucket),
    column,
  }
}

function dayText(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10)
}

function quarterHourText(bucket: number): string {
  const time = new Date(bucket * 900_000).toISOString().slice(11, 16)
  return `${dayText(dayOfQuarterHour(bucket))}T${time}Z`
}

async function requireExternalId(client: Statements, organizationId: number, customerId: number): Promise<string> {
  const { rows } = await client.query<{ externalId: string }>(
    'select external_id as "externalId" from customers where organization_id = $1 and customer_id = $2',
    [organizationId, customerId],
  )
  return rows[0]?.externalId ?? `key ${customerId}`
}

// Rows of which nobody can say what they count.
async function checkSeries(
  client: Statements,
  { organizationId, customerId }: UsageSelection,
  log: DifferenceLog,
): Promise<void> {
  const { rows } = await client.query<{ customerId: number; seriesId: string; rows: string }>(
    `select rollup.customer_id as "customerId", rollup.series_id::text as "seriesId", count(*)::text as rows
     from usage_rollups rollup
     where rollup.organization_id = $1 and ($2::integer is null or rollup.customer_id = $2) and not exists (
       select from usage_series series
       join billable_metrics metric on metric.id = series.billable_metric_id
         and metric.organization_id = series.organization_id
       where series.customer_id = rollup.customer_id and series.series_id = rollup.series_id)
     group by 1, 2 order by 1, 2`,
    [organizationId, customerId ?? null],
  )
  for (const row of rows) {
    const customer = await requireExternalId(client, organizationId, row.customerId)
    log.add({ check: 'rollups', about: { customer, series: row.seriesId }, stored: `${row.rows} rows`, computed: null })
  }
}
