import { bucketOf, DAY } from '../../shared/metering/buckets.ts'
import type { Connection } from '../connection.ts'
import { inSnapshot } from '../snapshot.ts'
import { type Statements, statementsOf } from '../statements.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import type { ArchivedEvent } from './archived-events.ts'
import { differencesOf } from './compare-days.ts'
import { openValueComparison, type ValueDifference } from './compare-values.ts'
import { countCorrections } from './counted-corrections.ts'
import { listInexactSeries } from './inexact-series.ts'
import type { LiveEvent } from './live-events.ts'
import { pairedDays, type SelectedArchive } from './paired-days.ts'
import type { DamagedDay } from './repair-day.ts'
import type { DamagedValues } from './repair-values.ts'
import { listSelectedMetrics, type UsageSelection } from './usage-selection.ts'

/** What of a selection is to be written anew. */
export interface Damage {
  readonly days: readonly DamagedDay[]
  readonly values: readonly DamagedValues[]
}

/**
 * Counts the raw events of a selection anew in one state of the database, and finds what is stored otherwise. Series of which
 * some distinct values are not known are looked at as if all were.
 */
export async function findDamage(
  connection: Connection,
  selection: UsageSelection,
  archive: SelectedArchive,
): Promise<Damage> {
  return await inSnapshot(connection, async (transaction) => {
    const client = statementsOf(transaction)
    const metrics = (await listSelectedMetrics(client, selection)).filter(({ isRebuilding }) => !isRebuilding)
    // Of the days that are under way; those that are as they should be are forgotten.
    const archived = new Map<string, LiveEvent[]>()
    const onEvent = (event: ArchivedEvent) => {
      if (event.isCorrected) return
      const key = keyOfDay(event.customerId, bucketOf(DAY, event.event.timestampMicros))
      archived.getOrInsertComputed(key, () => []).push(event)
    }
    const inexact = new Set<string>()
    const compared = { metrics, archive: { ...archive, onEvent }, inexact }
    const comparison = openValueComparison(client, { ...selection, inexact })
    const days: DamagedDay[] = []
    const values: ValueDifference[] = []
    for await (const day of pairedDays(client, selection, compared)) {
      const key = keyOfDay(day.customerId, day.day)
      const archivedEvents = archived.get(key) ?? []
      if (differencesOf(day).length > 0) days.push({ customerId: day.customerId, day: day.day, archivedEvents })
      values.push(...(await comparison.add(day)))
      archived.delete(key)
    }
    values.push(...comparison.end())
    const series = await listInexactSeries(client, selection, metrics)
    const generations = new Map(metrics.map(({ id, generation }) => [id, generation]))
    return { days, values: await byMetric(client, selection.organizationId, { values, series, generations }) }
  })
}

function keyOfDay(customerId: number, day: number): string {
  return `${customerId}/${day}`
}

// A customer's series of one metric are locked together.
async function byMetric(
  client: Statements,
  organizationId: number,
  {
    values,
    series,
    generations,
  }: {
    values: readonly ValueDifference[]
    series: readonly SeriesIdentity[]
    generations: ReadonlyMap<string, number>
  },
): Promise<readonly DamagedValues[]> {
  const differences = Map.groupBy(values, (difference) => keyOfMetric(difference.series))
  const inexact = Map.groupBy(series, keyOfMetric)
  const damaged: DamagedValues[] = []
  for (const key of new Set([...differences.keys(), ...inexact.keys()])) {
    const found = differences.get(key) ?? []
    const affected = [...found.map((difference) => difference.series), ...(inexact.get(key) ?? [])]
    const [first] = affected
    if (first === undefined) continue
    const { customerId, metricId } = first
    const corrections = await countCorrections(client, organizationId, customerId)
    const generation = generations.get(metricId) ?? 0
    damaged.push({ customerId, metricId, generation, differences: found, series: affected, corrections })
  }
  return damaged
}

function keyOfMetric({ customerId, metricId }: SeriesIdentity): string {
  return `${customerId}/${metricId}`
}
