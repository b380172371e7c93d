import { assert } from '../../shared/errors.ts'
import {
  type CountedEvent,
  type CountedMetric,
  countEvent,
  storedParts,
  type UnusableEvent,
} from '../../shared/metering/count-event.ts'
import { type RollupContribution, RollupDeltas } from '../../shared/metering/rollup.ts'
import { distinctValueHash, isRemoval } from '../../shared/metering/unique-count.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import type { Statements } from '../statements.ts'
import { BatchSeries, type SeriesOfBatch } from './batch-series.ts'
import { applySightings, type Sighting } from './distinct-values.ts'
import type { KnownSeries } from './known-series.ts'
import type { RefusedUsage } from './refused-usage.ts'
import { mergeRollups } from './rollups.ts'
import { requireSeries } from './series.ts'
import type { StoredUsageEvent } from './usage-events.ts'

/** What an event could not be counted for, with the event. */
export interface Unusable<Event> extends UnusableEvent {
  readonly event: Event
}

/** What an event added to a metric when it was counted. */
export interface CountedContribution {
  readonly event: StoredUsageEvent
  readonly metric: CountedMetric
  readonly value: string
}

interface Counting<Event> {
  readonly events: readonly Event[]
  readonly metrics: ReadonlyMap<string, readonly CountedMetric[]>
  /** Spares the look-up of series; for a transaction that has not yet counted anything. */
  readonly knownSeries?: KnownSeries
  readonly refused?: RefusedUsage<Event>
  readonly withdrawn?: readonly CountedContribution[]
}

/**
 * Counts events for the metrics that read them and adds them to the rollups; series that do not exist are created. What is
 * withdrawn leaves their counts and sums with the same locks; `restoreExtremes` does the rest. It is the caller's matter
 * that every event is counted once. Answers with what was unusable; what metrics refuse is among that, and not counted.
 */
export async function countEvents<Event extends StoredUsageEvent>(
  client: Statements,
  organizationId: number,
  { events, metrics, knownSeries, refused, withdrawn = [] }: Counting<Event>,
): Promise<Unusable<Event>[]> {
  const series = new BatchSeries()
  const deltas = new RollupDeltas<SeriesOfBatch>()
  const seen: SeenItem[] = []
  const unusable: Unusable<Event>[] = []
  for (const event of events) {
    const read = metrics.get(event.event.code) ?? []
    const refusing = refused?.get(event)
    const counted = refusing === undefined ? countEvent(event.event, read) : countOpen(event.event, read, refusing)
    for (const reason of counted.unusable) unusable.push({ event, ...reason })
    for (const { metric, value } of counted.contributions) {
      const one = series.of(event, metric)
      deltas.add(one, rollupContributionOf({ event, metric, value }))
      if (metric.aggregation === 'unique_count') seen.push({ series: one, event, value })
    }
  }
  for (const gone of withdrawn) deltas.withdraw(series.of(gone.event, gone.metric), rollupContributionOf(gone))
  const left = withdrawn
    .filter(({ metric }) => metric.aggregation === 'unique_count')
    .map(({ event, metric, value }): SeenItem => ({ series: series.of(event, metric), event, value }))
  const ids = await resolveSeries(client, organizationId, { series: series.all(), knownSeries })
  const idOf = (one: SeriesOfBatch) => {
    const id = ids.get(one)
    assert(id !== undefined, 'a series was not created')
    return id
  }
  const changes = await applySightings(client, organizationId, {
    seen: sightingsOf(seen, idOf),
    withdrawn: sightingsOf(left, idOf),
  })
  const seriesOfId = new Map([...left, ...seen].map((item) => [idOf(item.series), item.series]))
  for (const change of changes) {
    const one = seriesOfId.get(change.seriesId)
    assert(one !== undefined, 'values changed of a series that was not counted')
    deltas.addDistinct(one, change)
  }
  await mergeRollups(client, organizationId, deltas.sorted(idOf))
  return unusable
}

/** An event whose item a distinct count sees. */
interface SeenItem {
  readonly series: SeriesOfBatch
  readonly event: StoredUsageEvent
  readonly value: string
}

function sightingsOf(items: readonly SeenItem[], idOf: (series: SeriesOfBatch) => string): Sighting[] {
  return items.map(({ series, event: { customerId, arrival, event }, value }) => ({
    customerId,
    seriesId: idOf(series),
    valueHash: distinctValueHash(value),
    timestampMicros: event.timestampMicros,
    arrival,
    isRemoval: isRemoval(event),
  }))
}

function countOpen(
  event: UsageEvent,
  metrics: readonly CountedMetric[],
  refusing: ReadonlySet<string>,
): Pick<CountedEvent, 'contributions' | 'unusable'> {
  const open = metrics.filter(({ id }) => !refusing.has(id))
  const { contributions, unusable } = open.length === 0 ? NOTHING : countEvent(event, open)
  const closed = [...refusing].map((metricId) => ({ metricId, reason: 'period_closed' as const, details: {} }))
  return { contributions, unusable: [...unusable, ...closed] }
}

const NOTHING: CountedEvent = { contributions: [], unusable: [] }

/** What an event adds to the rollups of a metric that counts it. */
export function rollupContributionOf({ event, metric, value }: CountedContribution): RollupContribution {
  return {
    timestampMicros: event.event.timestampMicros,
    arrival: event.arrival,
    // A distinct count's value is an item, not a number; only that there was one is added up.
    value: metric.aggregation === 'unique_count' ? '1' : value,
    stores: storedParts(metric),
    countsDistinct: metric.aggregation === 'unique_count',
  }
}

async function resolveSeries(
  client: Statements,
  organizationId: number,
  { series, knownSeries }: { series: readonly SeriesOfBatch[]; knownSeries: KnownSeries | undefined },
): Promise<ReadonlyMap<SeriesOfBatch, string>> {
  const ids = new Map<SeriesOfBatch, string>()
  const asked: SeriesOfBatch[] = []
  for (const one of series) {
    const known = knownSeries?.get(one.key)
    if (known === undefined) asked.push(one)
    else ids.set(one, known)
  }
  const found = await requireSeries(client, organizationId, asked)
  for (const [position, one] of asked.entries()) {
    const { seriesId, isCreated } = found[position] ?? {}
    if (seriesId === undefined) continue
    ids.set(one, seriesId)
    // What this transaction creates exists for others only when it is committed.
    if (isCreated === false) knownSeries?.add(one.key, seriesId)
  }
  return ids
}
