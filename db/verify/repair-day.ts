import type { Pool, PoolClient } from 'pg'
import { DAY_MICROS } from '../../shared/metering/buckets.ts'
import { storedParts } from '../../shared/metering/count-event.ts'
import type { RollupDelta } from '../../shared/metering/rollup.ts'
import type { Statements } from '../statements.ts'
import { inTransaction } from '../transaction.ts'
import { shareCounting } from '../usage/counting-lock.ts'
import { touchCustomers } from '../usage/ingest-references.ts'
import { deleteRollups, lockRollups, overwriteRollups, type RollupKey } from '../usage/repair-rollups.ts'
import { requireSeries } from '../usage/series.ts'
import { countDays, type UsageDay } from './counted-days.ts'
import { countStoredValues, type DistinctCounts, rowKey } from './distinct-counts.ts'
import { type LiveEvent, readLiveEvents } from './live-events.ts'
import { listStoredRollups } from './stored-days.ts'
import { listSelectedMetrics, type SelectedMetric, type UsageSelection } from './usage-selection.ts'

/** A customer's day that is to be written anew. */
export interface DamagedDay {
  readonly customerId: number
  readonly day: number
  /** Those of its events that are archived, which nobody can change meanwhile. */
  readonly archivedEvents: readonly LiveEvent[]
}

/**
 * Writes the rollups of a customer's day anew from its raw events, and marks the customer, so that its charges are priced
 * anew. Ingestion goes on: every row is locked before the events are read, so whoever has added to a row has committed its
 * events, and whoever comes later adds to what is written here. Distinct values are counted as they are stored, which
 * `repairValues` makes right before. Answers with the number of rows written or removed.
 */
export async function repairDay(pool: Pool, selection: UsageSelection, damaged: DamagedDay): Promise<number> {
  return await inTransaction(pool, async (client) => {
    const { organizationId } = selection
    const { customerId, day } = damaged
    // Meanwhile no metric changes or begins to be counted anew.
    await shareCounting(client, organizationId)
    const metrics = (await listSelectedMetrics(client, selection)).filter(({ isRebuilding }) => !isRebuilding)
    const rows = await findRows(client, organizationId, { metrics, damaged })
    await lockRollups(client, organizationId, [...rows.values()])
    const counted = await countDamaged(client, organizationId, { metrics, damaged })
    const seriesIds = [...new Set(rows.values().map(({ seriesId }) => seriesId))]
    const distinct = await countStoredValues(client, organizationId, { customerId, seriesIds, day })
    // A row that was not among those locked has come by itself meanwhile, and whole.
    const written = counted.rollups.flatMap((rollup) => {
      const row = rows.get(rowKey(rollup))
      return row === undefined ? [] : [withDistinctCounts({ ...rollup, ...row }, distinct)]
    })
    const keys = new Set(counted.rollups.map(rowKey))
    const superfluous = [...rows].filter(([key]) => !keys.has(key)).map(([, row]) => row)
    await overwriteRollups(client, organizationId, written)
    await deleteRollups(client, organizationId, superfluous)
    await touchCustomers(client, organizationId, new Map([[customerId, day * DAY_MICROS]]))
    return rows.size
  })
}

interface RepairScope {
  readonly metrics: readonly SelectedMetric[]
  readonly damaged: DamagedDay
}

/** The rows that are there and those that should be, by key, in the order in which ingestion locks them. */
async function findRows(
  client: PoolClient,
  organizationId: number,
  { metrics, damaged }: RepairScope,
): Promise<ReadonlyMap<string, LockedRow>> {
  const { customerId, day } = damaged
  const counted = await countDamaged(client, organizationId, { metrics, damaged })
  const stored = await listStoredRollups(client, { organizationId, customerId, metrics, day })
  const wanted = [...counted.series]
  const ids = await requireSeries(
    client,
    organizationId,
    wanted.map(([, series]) => series),
  )
  const seriesIds = new Map([
    ...stored.map((row) => [row.seriesId, row.storedSeriesId] as const),
    ...wanted.map(([key], place) => [key, ids[place]?.seriesId ?? ''] as const),
  ])
  const series = new Map([...stored.map((row) => [row.seriesId, row.identity] as const), ...wanted])
  const rows = new Map(
    [...stored, ...counted.rollups].map((rollup) => {
      const { level, bucket, seriesId } = rollup
      const metric = metrics.find(({ id }) => id === series.get(seriesId)?.metricId)
      const keepsParts = metric !== undefined && storedParts(metric).length > 0
      return [
        rowKey(rollup),
        {
          customerId,
          level,
          bucket,
          seriesId: seriesIds.get(seriesId) ?? '',
          keepsParts,
          countsDistinct: metric?.aggregation === 'unique_count',
        },
      ] as const
    }),
  )
  return new Map([...rows].sort(([, one], [, other]) => byLockOrder(one, other)))
}

type LockedRow = RollupKey & Pick<RollupDelta, 'keepsParts'> & { readonly countsDistinct: boolean }

// As `mergeRollups`: rows of sums alone come first, then those of distinct values.
function byLockOrder(one: LockedRow, other: LockedRow): number {
  return (
    Number(one.keepsParts) - Number(other.keepsParts) ||
    Number(one.countsDistinct) - Number(other.countsDistinct) ||
    Number(BigInt(one.seriesId) - BigInt(other.seriesId)) ||
    one.level - other.level ||
    one.bucket - other.bucket
  )
}

function withDistinctCounts(rollup: RollupDelta, distinct: ReadonlyMap<string, DistinctCounts>): RollupDelta {
  if (rollup.distinctValues === null) return rollup
  const { distinctValues, distinctPresent } = distinct.get(rowKey(rollup)) ?? { distinctValues: 0, distinctPresent: 0 }
  return { ...rollup, distinctValues, distinctPresent }
}

async function countDamaged(
  client: Statements,
  organizationId: number,
  { metrics, damaged }: RepairScope,
): Promise<Pick<UsageDay, 'rollups' | 'series'>> {
  const { customerId, day, archivedEvents } = damaged
  const byCode = Map.groupBy(metrics, ({ eventCode }) => eventCode)
  const events = readLiveEvents(client, { organizationId, customerId, eventCodes: [...byCode.keys()], day })
  let counted: UsageDay | undefined
  for await (const only of countDays(joined(archivedEvents, events), byCode)) counted = only
  return counted ?? { rollups: [], series: new Map() }
}

async function* joined(
  archived: readonly LiveEvent[],
  live: AsyncIterable<LiveEvent>,
): AsyncGenerator<LiveEvent, void> {
  yield* archived
  yield* live
}
