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
import { applySightings, type Sighting } from './distinct-values.ts'
import type { RefusedUsage } from './refused-usage.ts'
import { mergeRollups } from './rollups.ts'
import { requireSeries } from './series.ts'
import { type IndexedSeries, SeriesIndex } from './series-index.ts'
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
  const counts = new UsageCounts<Event>(metrics, { refused })
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
  readonly #series: SeriesIndex
  readonly #deltas = new RollupDeltas<IndexedSeries>()
  readonly #seen: SeenValue[] = []
  readonly #withdrawn: SeenValue[] = []
  readonly #unusable: Unusable<Event>[] = []

  /** An index that other transactions have used spares the look-up of what they have found. */
  constructor(metrics: ReadonlyMap<string, readonly CountedMetric[]>, about: Partial<CountedWith<Event>> = {}) {
    this.#metrics = metrics
    this.#refused = about.refused
    this.#series = about.series ?? new SeriesIndex()
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

  /** Adds it all to the rollups; series that do not exist are created. */
  async save(client: Statements, organizationId: number): Promise<void> {
    const created = await resolveSeries(client, organizationId, [...this.#deltas.series()])
    const idOf = (series: IndexedSeries) => {
      const id = series.seriesId ?? created.get(series)
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

/** What events are counted with. */
interface CountedWith<Event> {
  readonly series: SeriesIndex
  readonly refused: RefusedUsage<Event> | undefined
}

/** What a distinct count has seen. */
interface SeenValue extends Omit<Sighting, 'seriesId'> {
  readonly series: IndexedSeries
}

function seenValue(series: IndexedSeries, { customerId, arrival, event }: CountableEvent, value: string): SeenValue {
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

// What this transaction creates exists for others only when it is committed: the index does not learn it.
async function resolveSeries(
  client: Statements,
  organizationId: number,
  series: readonly IndexedSeries[],
): Promise<ReadonlyMap<IndexedSeries, string>> {
  const asked = series.filter(({ seriesId }) => seriesId === undefined)
  const found = await requireSeries(client, organizationId, asked)
  const created = new Map<IndexedSeries, string>()
  for (const [position, one] of asked.entries()) {
    const { seriesId, isCreated } = found[position] ?? {}
    if (seriesId === undefined) continue
    if (isCreated === true) created.set(one, seriesId)
    else one.seriesId = seriesId
  }
  return created
}
