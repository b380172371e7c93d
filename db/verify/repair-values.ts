import type { Pool, PoolClient } from 'pg'
import { RollupDeltas } from '../../shared/metering/rollup.ts'
import { inTransaction } from '../transaction.ts'
import { applySightings, type Sighting } from '../usage/distinct-values.ts'
import { mergeRollups } from '../usage/rollups.ts'
import { requireSeries, type SeriesIdentity } from '../usage/series.ts'
import type { ValueDifference } from './compare-values.ts'
import { countCorrections, findCorrectedKeys } from './counted-corrections.ts'
import { isSameEvent, type LastSighting } from './last-sighting.ts'
import { seriesKey } from './series-key.ts'

const VALUES_PER_TRANSACTION = 1_000

/** Distinct values of a customer and metric that are to be written anew. */
export interface DamagedValues {
  readonly customerId: number
  readonly metricId: string
  /** Of the metric when this was found. */
  readonly generation: number
  readonly differences: readonly ValueDifference[]
  /** The series of the values, and those that were not exact. */
  readonly series: readonly SeriesIdentity[]
  /** How many corrections the customer had when this was found. */
  readonly corrections: number
}

/**
 * Writes last events of values anew, some values at a time, and moves their counts. Ingestion goes on: it moves values only
 * to later events, as is done here, so what comes first does not matter. Corrections wait for the lock of the metric, which
 * they take first too, and what they took away since the values were found is left out; they alone lock series after values. Answers with the number of values written or removed.
 * Until `settleValues`, the series are not exact, so that whoever asks for them reads events.
 */
export async function repairValues(pool: Pool, organizationId: number, damaged: DamagedValues): Promise<number> {
  const { differences } = damaged
  for (let from = 0; from < differences.length; from += VALUES_PER_TRANSACTION) {
    const page = differences.slice(from, from + VALUES_PER_TRANSACTION)
    await inTransaction(pool, (client) => writeValues(client, organizationId, { ...damaged, differences: page }))
  }
  return differences.length
}

/**
 * Says whether all values of the series are known from now on, and answers with it. They are not where an event was corrected
 * meanwhile, nor where a value was stored with an event that is not there, because it may have hidden those that came since
 * it was found: then they are to be looked for once more.
 */
export async function settleValues(pool: Pool, organizationId: number, damaged: DamagedValues): Promise<boolean> {
  return await inTransaction(pool, async (client) => {
    if (!(await lockMetric(client, organizationId, damaged))) return true
    const corrections = await countCorrections(client, organizationId, damaged.customerId)
    const isExact =
      corrections === damaged.corrections && damaged.differences.every(({ computed }) => computed !== null)
    await updateExactness(client, organizationId, { ...damaged, isExact })
    return isExact
  })
}

async function writeValues(client: PoolClient, organizationId: number, damaged: DamagedValues): Promise<void> {
  if (!(await lockMetric(client, organizationId, damaged))) return
  const { customerId, differences } = damaged
  const ids = await updateExactness(client, organizationId, {
    customerId,
    series: differences.map(({ series }) => series),
    isExact: false,
  })
  const eventKeys = differences.flatMap(({ computed }) => (computed === null ? [] : [computed.eventKey]))
  const corrected = await findCorrectedKeys(client, organizationId, { customerId, eventKeys })
  const of = ({ series, valueHash }: ValueDifference, { micros, arrival, isPresent }: LastSighting): Sighting => {
    const seriesId = ids.get(seriesKey(series)) ?? ''
    return { customerId, seriesId, valueHash, timestampMicros: micros, arrival, isRemoval: !isPresent }
  }
  const changes = await applySightings(client, organizationId, {
    seen: differences.flatMap((difference) => {
      const { computed } = difference
      return computed === null || corrected.has(computed.eventKey) ? [] : [of(difference, computed)]
    }),
    withdrawn: differences.flatMap((difference) => {
      const { stored, computed } = difference
      if (stored === null || (computed !== null && !isSameEvent(stored, computed))) return []
      return [of(difference, stored)]
    }),
  })
  const seriesOf = new Map([...ids.values()].map((seriesId) => [seriesId, { customerId, seriesId }]))
  const deltas = new RollupDeltas<{ readonly customerId: number; readonly seriesId: string }>()
  for (const change of changes) {
    const series = seriesOf.get(change.seriesId)
    if (series !== undefined) deltas.addDistinct(series, change)
  }
  await mergeRollups(
    client,
    organizationId,
    deltas.sorted(({ seriesId }) => seriesId),
  )
}

// Held, it keeps corrections away, and tells whether the metric is as it was when the values were found.
async function lockMetric(
  client: PoolClient,
  organizationId: number,
  { metricId, generation }: Pick<DamagedValues, 'metricId' | 'generation'>,
): Promise<boolean> {
  const { rows } = await client.query<{ isRebuilding: boolean; generation: number }>(
    `select rebuild_cursor is not null as "isRebuilding", generation from billable_metrics
     where organization_id = $1 and id = $2 for update`,
    [organizationId, metricId],
  )
  const [metric] = rows
  return metric?.isRebuilding === false && metric.generation === generation
}

/** Answers with the ids of the series, by their keys. */
async function updateExactness(
  client: PoolClient,
  organizationId: number,
  { customerId, series, isExact }: Pick<DamagedValues, 'customerId' | 'series'> & { readonly isExact: boolean },
): Promise<ReadonlyMap<string, string>> {
  const identities = [...new Map(series.map((one) => [seriesKey(one), one])).values()]
  const found = await requireSeries(client, organizationId, identities)
  const ids = found.map(({ seriesId }) => seriesId)
  await client.query(
    `update usage_series set distinct_exact = $4
     where organization_id = $1 and customer_id = $2 and series_id = any($3::bigint[]) and distinct_exact <> $4`,
    [organizationId, customerId, ids, isExact],
  )
  return new Map(identities.map((one, place) => [seriesKey(one), ids[place] ?? '']))
}
