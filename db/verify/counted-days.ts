import { bucketOf, DAY } from '../../shared/metering/buckets.ts'
import { type CountedMetric, countEvent } from '../../shared/metering/count-event.ts'
import { type RollupDelta, RollupDeltas } from '../../shared/metering/rollup.ts'
import { BatchSeries, type SeriesOfBatch } from '../usage/batch-series.ts'
import { rollupContributionOf } from '../usage/count-events.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import type { LiveEvent } from './live-events.ts'
import { seriesKey } from './series-key.ts'

/** The rollups of a customer for one day, of both levels; their `seriesId` is the key of their series. */
export interface UsageDay {
  readonly customerId: number
  /** Its number since the epoch, in UTC. */
  readonly day: number
  readonly rollups: readonly RollupDelta[]
  readonly series: ReadonlyMap<string, SeriesIdentity>
}

/** Metrics by the code of the events they read. */
export type MetricsByEventCode = ReadonlyMap<string, readonly CountedMetric[]>

/** Counts events by the rule of ingestion, a day in memory at a time. They must be in order of customer, then time. */
export async function* countDays(
  events: AsyncIterable<LiveEvent>,
  metrics: MetricsByEventCode,
): AsyncGenerator<UsageDay, void> {
  let open: DayCount | undefined
  for await (const event of events) {
    if (open === undefined || !open.holds(event)) {
      if (open !== undefined) yield open.result()
      open = openDay(event, metrics)
    }
    open.add(event)
  }
  if (open !== undefined) yield open.result()
}

interface DayCount {
  holds(event: LiveEvent): boolean
  add(event: LiveEvent): void
  result(): UsageDay
}

function openDay(first: LiveEvent, metrics: MetricsByEventCode): DayCount {
  const { customerId } = first
  const day = dayOf(first)
  const series = new BatchSeries()
  const deltas = new RollupDeltas<SeriesOfBatch>()
  return {
    holds: (event) => event.customerId === customerId && dayOf(event) === day,
    add: (event) => {
      for (const { metric, value } of countEvent(event.event, metrics.get(event.event.code) ?? []).contributions) {
        if (event.uncountedFor.includes(metric.id)) continue
        deltas.add(series.of(event, metric), rollupContributionOf({ event, metric, value }))
      }
    },
    result: () => {
      const identities = new Map(series.all().map((one) => [seriesKey(one), one]))
      return { customerId, day, rollups: deltas.sorted(seriesKey), series: identities }
    },
  }
}

function dayOf({ event }: LiveEvent): number {
  return bucketOf(DAY, event.timestampMicros)
}
