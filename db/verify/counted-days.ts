import { bucketOf, DAY } from '../../shared/metering/buckets.ts'
import { type CountedMetric, countEvent } from '../../shared/metering/count-event.ts'
import { type RollupDelta, RollupDeltas } from '../../shared/metering/rollup.ts'
import { rollupContributionOf } from '../usage/count-events.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import { type IndexedSeries, SeriesIndex } from '../usage/series-index.ts'
import { type CountedSighting, openDayValues } from './day-values.ts'
import type { DistinctValues, LastSighting } from './last-sighting.ts'
import type { LiveEvent } from './live-events.ts'
import { seriesKey } from './series-key.ts'

/** What follows from a customer's events of one day. */
export interface UsageDay<Sighting extends LastSighting = LastSighting> {
  readonly customerId: number
  /** Its number since the epoch, in UTC. */
  readonly day: number
  /** Of both levels; their `seriesId` is the key of their series. */
  readonly rollups: readonly RollupDelta[]
  readonly series: ReadonlyMap<string, SeriesIdentity>
  /** Distinct values whose last event lies in the day. */
  readonly values: DistinctValues<Sighting>
}

/** As counted: a value may be seen again on a later day. */
export interface CountedDay extends UsageDay<CountedSighting> {
  /** Every event of a distinct value of the inexact series, as `sightingText`. */
  readonly sightings: ReadonlySet<string>
}

/** Metrics by the code of the events they read. */
export type MetricsByEventCode = ReadonlyMap<string, readonly CountedMetric[]>

/**
 * Counts events by the rule of ingestion, a day in memory at a time. They must be in order of customer, then time. The
 * series of which some distinct values are not known are named by their keys.
 */
export async function* countDays(
  events: AsyncIterable<LiveEvent>,
  metrics: MetricsByEventCode,
  inexact: ReadonlySet<string> = new Set(),
): AsyncGenerator<CountedDay, void> {
  let open: DayCount | undefined
  for await (const event of events) {
    if (open === undefined || !open.holds(event)) {
      if (open !== undefined) yield open.result()
      open = openDay(event, metrics, inexact)
    }
    open.add(event)
  }
  if (open !== undefined) yield open.result()
}

interface DayCount {
  holds(event: LiveEvent): boolean
  add(event: LiveEvent): void
  result(): CountedDay
}

function openDay(first: LiveEvent, metrics: MetricsByEventCode, inexact: ReadonlySet<string>): DayCount {
  const { customerId } = first
  const day = dayOf(first)
  const series = new SeriesIndex()
  const deltas = new RollupDeltas<IndexedSeries>()
  const values = openDayValues(inexact)
  return {
    holds: (event) => event.customerId === customerId && dayOf(event) === day,
    add: (event) => {
      for (const { metric, value } of countEvent(event.event, metrics.get(event.event.code) ?? []).contributions) {
        if (event.uncountedFor.includes(metric.id)) continue
        const one = series.of(event, metric)
        deltas.add(one, rollupContributionOf({ event, metric, value }))
        if (metric.aggregation === 'unique_count') values.add(one, { event, metric, value })
      }
    },
    result: () => {
      const identities = new Map([...deltas.series()].map((one) => [seriesKey(one), one]))
      return {
        customerId,
        day,
        rollups: deltas.sorted(seriesKey).toArray(),
        series: identities,
        values: values.values(),
        sightings: values.sightings(),
      }
    },
  }
}

function dayOf({ event }: LiveEvent): number {
  return bucketOf(DAY, event.timestampMicros)
}
