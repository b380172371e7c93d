import { assert } from '../../shared/errors.ts'
import {
  type CountedEvent,
  type CountedMetric,
  countEvent,
  dimensionsOf,
  storedParts,
  type UnusableEvent,
} from '../../shared/metering/count-event.ts'
import { RollupDeltas } from '../../shared/metering/rollup.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import type { Statements } from '../statements.ts'
import type { RefusedUsage } from './refused-usage.ts'
import { mergeRollups } from './rollups.ts'
import { requireSeries, type SeriesIdentity } from './series.ts'
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

/**
 * Counts events for the metrics that read them and adds them to the rollups; series that do not exist are created. What is
 * withdrawn leaves their counts and sums with the same locks; `restoreExtremes` does the rest. It is the caller's matter
 * that every event is counted once. Answers with what was unusable; what metrics refuse is among that, and not counted.
 */
export async function countEvents<Event extends StoredUsageEvent>(
  client: Statements,
  organizationId: number,
  {
    events,
    metrics,
    refused = new Map(),
    withdrawn = [],
  }: {
    events: readonly Event[]
    metrics: ReadonlyMap<string, readonly CountedMetric[]>
    refused?: RefusedUsage<Event>
    withdrawn?: readonly CountedContribution[]
  },
): Promise<Unusable<Event>[]> {
  const counted = events.map((event) => {
    const read = metrics.get(event.event.code) ?? []
    const refusing = refused.get(event)
    return {
      event,
      ...(refusing === undefined ? countEvent(event.event, read) : countOpen(event.event, read, refusing)),
    }
  })
  const values = counted.flatMap(({ event, contributions }) => contributions.map((value) => valueOf(event, value)))
  const withdrawnValues = withdrawn.map(({ event, ...value }) => valueOf(event, value))
  const seriesIds = await resolveSeries(client, organizationId, [...values, ...withdrawnValues])
  const deltas = new RollupDeltas()
  for (const { key, contribution } of values) deltas.add({ ...contribution, seriesId: requireId(seriesIds, key) })
  for (const { key, contribution } of withdrawnValues) {
    deltas.withdraw({ ...contribution, seriesId: requireId(seriesIds, key) })
  }
  await mergeRollups(client, organizationId, deltas.sorted())
  return counted.flatMap(({ event, unusable }) => unusable.map((reason) => ({ event, ...reason })))
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

interface Value {
  readonly key: string
  readonly series: SeriesIdentity
  readonly contribution: Omit<Parameters<RollupDeltas['add']>[0], 'seriesId'>
}

/** The series that an event adds to for a metric. */
export function seriesOf({ customerId, event }: StoredUsageEvent, metric: CountedMetric): SeriesIdentity {
  return {
    customerId,
    metricId: metric.id,
    externalSubscriptionId: event.externalSubscriptionId,
    generation: metric.generation,
    dimensions: metric.dimensionKeys.length === 0 ? NO_DIMENSIONS : dimensionsOf(event, metric),
  }
}

function valueOf(stored: StoredUsageEvent, { metric, value }: CountedEvent['contributions'][number]): Value {
  const { customerId, event, arrival } = stored
  const series = seriesOf(stored, metric)
  const { timestampMicros } = event
  // A distinct count's value is an item, not a number; only that there was one is added up.
  const added = metric.aggregation === 'unique_count' ? '1' : value
  const contribution = { customerId, timestampMicros, arrival, value: added, stores: storedParts(metric) }
  return { key: seriesKey(series), series, contribution }
}

const NO_DIMENSIONS = {}

function seriesKey({ customerId, metricId, externalSubscriptionId, dimensions }: SeriesIdentity): string {
  const subscription = externalSubscriptionId === null ? '' : `=${externalSubscriptionId}`
  return `${customerId}/${metricId}/${dimensions === NO_DIMENSIONS ? '' : JSON.stringify(dimensions)}/${subscription}`
}

function requireId(seriesIds: ReadonlyMap<string, string>, key: string): string {
  const seriesId = seriesIds.get(key)
  assert(seriesId !== undefined, 'a series was not created')
  return seriesId
}

async function resolveSeries(
  client: Statements,
  organizationId: number,
  values: readonly Value[],
): Promise<ReadonlyMap<string, string>> {
  const distinct = [...new Map(values.map(({ key, series }) => [key, series]))]
  const ids = await requireSeries(
    client,
    organizationId,
    distinct.map(([, series]) => series),
  )
  return new Map(distinct.map(([key], index) => [key, ids[index] ?? '']))
}
