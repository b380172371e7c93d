import { assert } from '../../shared/errors.ts'
import {
  type CountedEvent,
  type CountedFields,
  type CountedMetric,
  countEvent,
  storedParts,
  type UnusableEvent,
} from '../../shared/metering/count-event.ts'
import { type RollupContribution, RollupDeltas } from '../../shared/metering/rollup.ts'
import { distinctValueHash, isRemoval } from '../../shared/metering/unique-count.ts'
import type { Statements } from '../statements.ts'
import { BatchSeries, type SeriesOfBatch } from './batch-series.ts'
import { applySightings, type Sighting } from './distinct-values.ts'
import type { KnownSeries } from './known-series.ts'
import type { RefusedUsage } from './refused-usage.ts'
import { mergeRollups } from './rollups.ts'
import { requireSeries } from './series.ts'
import type { CountableEvent, StoredUsageEvent } from './usage-events.ts'

/** What an event could not be counted for, with the event. */
export interface Unusable<Event> extends UnusableEvent {
  readonly event: Event
}

/** What an event added to a metric when it was counted. */
export interface CountedContribution extends Counted {
  readonly event: StoredUsageEvent
}

interface Counted {
  readonly event: CountableEvent
  readonly metric: CountedMetric
  readonly value: string
}

interface Counting<Event> {
  readonly events: readonly Event[]
  readonly metrics: ReadonlyMap<string, readonly CountedMetric[]>
  readonly refused?: RefusedUsage<Event>
  readonly withdrawn?: readonly CountedContribution[]
}

/**
 * Counts events for the metrics that read them and adds them to the rollups. What is withdrawn leaves their counts and
 * sums with the same locks; `restoreExtremes` does the rest. Answers with what was unusable.
 */
export async function countEvents<Event extends CountableEvent>(
  client: Statements,
  organizationId: number,
  { events, metrics, refused, withdrawn = [] }: Counting<Event>,
): Promise<readonly Unusable<Event>[]> {
  const counts = new UsageCounts<Event>(metrics, refused)
  for (const event of events) counts.count(event)
  for (const gone of withdrawn) counts.withdraw(gone)
  await counts.save(client, organizationId)
  return counts.unusable
}

/**
 * What events add to the rollups of the metrics that read them. It is the caller's matter that every event is counted
 * once. What is unusable, or refused by a metric, is listed and not counted.
 */
export class UsageCounts<Event extends CountableEvent> {
  readonly #metrics: ReadonlyMap<string, readonly CountedMetric[]>
  readonly #refused: RefusedUsage<Event> | undefined
  readonly #series = new BatchSeries()
  readonly #deltas = new RollupDeltas<SeriesOfBatch>()
  readonly #seen: SeenValue[] = []
  readonly #withdrawn: SeenValue[] = []
  readonly #unusable: Unusable<Event>[] = []

  constructor(metrics: ReadonlyMap<string, readonly CountedMetric[]>, refused?: RefusedUsage<Event>) {
    this.#metrics = metrics
    this.#refused = refused
  }

  get unusable(): readonly Unusable<Event>[] {
    return this.#unusable
  }

  count(event: Event): void {
    const read = this.#metrics.get(event.event.code) ?? []
    const refusing = this.#refused?.get(event)
    const counted = refusing === undefined ? countEvent(event.event, read) : countOpen(event.event, read, refusing)
    for (const reason of counted.unusable) this.#unusable.push({ event, ...reason })
    for (const { metric, value } of counted.contributions) {
      const series = this.#series.of(event, metric)
      this.#deltas.add(series, rollupContributionOf({ event, metric, value }))
      if (metric.aggregation === 'unique_count') this.#seen.push(seenValue(series, event, value))
    }
  }

  withdraw(gone: CountedContribution): void {
    const series = this.#series.of(gone.event, gone.metric)
    this.#deltas.withdraw(series, rollupContributionOf(gone))
    if (gone.metric.aggregation === 'unique_count') this.#withdrawn.push(seenValue(series, gone.event, gone.value))
  }

  /**
   * Adds it all to the rollups; series that do not exist are created. Known series spare the look-up, for a transaction
   * that has not counted anything yet.
   */
  async save(client: Statements, organizationId: number, knownSeries?: KnownSeries): Promise<void> {
    const ids = await resolveSeries(client, organizationId, { series: this.#series.all(), knownSeries })
    const idOf = (series: SeriesOfBatch) => {
      const id = ids.get(series)
      assert(id !== undefined, 'a series was not created')
      return id
    }
    const sightingOf = ({ series, ...seen }: SeenValue): Sighting => ({ ...seen, seriesId: idOf(series) })
    const changes = await applySightings(client, organizationId, {
      seen: this.#seen.map(sightingOf),
      withdrawn: this.#withdrawn.map(sightingOf),
    })
    const seriesOfId = new Map([...this.#withdrawn, ...this.#seen].map(({ series }) => [idOf(series), series]))
    for (const change of changes) {
      const series = seriesOfId.get(change.seriesId)
      assert(series !== undefined, 'values changed of a series that was not counted')
      this.#deltas.addDistinct(series, change)
    }
    await mergeRollups(client, organizationId, this.#deltas.sorted(idOf))
  }
}

/** What a distinct count has seen. */
interface SeenValue extends Omit<Sighting, 'seriesId'> {
  readonly series: SeriesOfBatch
}

function seenValue(series: SeriesOfBatch, { customerId, arrival, event }: CountableEvent, value: string): SeenValue {
  return {
    series,
    customerId,
    valueHash: distinctValueHash(value),
    timestampMicros: event.timestampMicros,
    arrival,
    isRemoval: isRemoval(event),
  }
}

function countOpen(
  event: CountedFields,
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
export function rollupContributionOf({ event, metric, value }: Counted): RollupContribution {
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
