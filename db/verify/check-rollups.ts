import { DAY, dayOfQuarterHour } from '../../shared/metering/buckets.ts'
import type { Statements } from '../statements.ts'
import { aboutSeries, nameCustomer } from './about-series.ts'
import { type ComparedDay, differencesOf } from './compare-days.ts'
import { openValueComparison, type ValueDifference } from './compare-values.ts'
import type { DifferenceLog } from './difference.ts'
import { listInexactSeries } from './inexact-series.ts'
import { pairedDays, type SelectedArchive } from './paired-days.ts'
import { seriesKey } from './series-key.ts'
import { checkStrangers } from './strangers.ts'
import { listSelectedMetrics, type UsageSelection } from './usage-selection.ts'
import { valueColumnsThatDiffer } from './value-columns.ts'

/** What was looked at. */
export interface CheckedRollups {
  readonly rollups: number
  readonly distinctValues: number
  /** Codes of metrics that are being counted anew, and so were left out. */
  readonly rebuilding: readonly string[]
}

/**
 * Counts the raw events of a selection anew, by the rule of ingestion, and compares every column of every bucket and of every
 * distinct value. The transaction must see one state of the database all along. Memory holds a day of one customer's
 * buckets and values.
 */
export async function checkRollups(
  client: Statements,
  selection: UsageSelection,
  { archive, log }: { archive: SelectedArchive; log: DifferenceLog },
): Promise<CheckedRollups> {
  const metrics = await listSelectedMetrics(client, selection)
  const counted = metrics.filter(({ isRebuilding }) => !isRebuilding)
  const inexact = new Set((await listInexactSeries(client, selection, counted)).map(seriesKey))
  const values = openValueComparison(client, { ...selection, inexact })
  const tell = teller(client, { ...selection, codes: new Map(metrics.map(({ id, code }) => [id, code])), log })
  let [rollups, distinctValues] = [0, 0]
  for await (const day of pairedDays(client, selection, { metrics: counted, archive, inexact })) {
    if (!day.isUnread) rollups += day.stored?.rollups.length ?? 0
    distinctValues += numberOfValues(day)
    await tell.values(await values.add(day))
    await tell.rollups(day)
  }
  await tell.values(values.end())
  if (selection.metricId === undefined) await checkStrangers(client, selection, log)
  const rebuilding = metrics.filter(({ isRebuilding }) => isRebuilding).map(({ code }) => code)
  return { rollups, distinctValues, rebuilding }
}

function numberOfValues({ stored }: ComparedDay): number {
  return [...(stored?.values.values() ?? [])].reduce((sum, values) => sum + values.size, 0)
}

interface TellingScope {
  readonly organizationId: number
  readonly codes: ReadonlyMap<string, string>
  readonly log: DifferenceLog
}

function teller(client: Statements, { organizationId, codes, log }: TellingScope) {
  return {
    rollups: async (day: ComparedDay) => {
      const differences = differencesOf(day)
      if (differences.length === 0) return
      const customer = await nameCustomer(client, organizationId, day.customerId)
      for (const { series, level, bucket, column, stored, computed } of differences) {
        const about = { customer, ...aboutSeries(series, codes), bucket: bucketText(level, bucket), column }
        log.add({ check: 'rollups', about, stored, computed })
      }
    },
    values: async (differences: readonly ValueDifference[]) => {
      const [first] = differences
      if (first === undefined) return
      const customer = await nameCustomer(client, organizationId, first.series.customerId)
      for (const { series, valueHash, ...difference } of differences) {
        for (const { column, stored, computed } of valueColumnsThatDiffer(difference)) {
          const about = { customer, ...aboutSeries(series, codes), value_hash: valueHash, column }
          log.add({ check: 'distinct_values', about, stored, computed })
        }
      }
    },
  }
}

function bucketText(level: number, bucket: number): string {
  return level === DAY ? dayText(bucket) : quarterHourText(bucket)
}

function dayText(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10)
}

function quarterHourText(bucket: number): string {
  const time = new Date(bucket * 900_000).toISOString().slice(11, 16)
  return `${dayText(dayOfQuarterHour(bucket))}T${time}Z`
}
