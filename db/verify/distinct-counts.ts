import { bucketOf, DAY, DAY_MICROS, type Level, QUARTER_HOUR } from '../../shared/metering/buckets.ts'
import type { RollupDelta } from '../../shared/metering/rollup.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'
import type { UsageDay } from './counted-days.ts'

/** What the rollup of a bucket has to say of distinct values; `seriesId` is the key of the series. */
export interface DistinctCounts {
  readonly seriesId: string
  readonly level: Level
  readonly bucket: number
  readonly distinctValues: number
  readonly distinctPresent: number
}

/** Counts the values of a day in the buckets of their last events, by the key of the row. */
export function countsOfValues(day: UsageDay | undefined): ReadonlyMap<string, DistinctCounts> {
  const counts = new Map<string, DistinctCounts>()
  for (const [seriesId, values] of day?.values ?? []) {
    for (const { micros, isPresent } of values.values()) {
      for (const level of [QUARTER_HOUR, DAY] as const) {
        const row = { seriesId, level, bucket: bucketOf(level, micros) }
        const { distinctValues = 0, distinctPresent = 0 } = counts.get(rowKey(row)) ?? {}
        const present = distinctPresent + Number(isPresent)
        counts.set(rowKey(row), { ...row, distinctValues: distinctValues + 1, distinctPresent: present })
      }
    }
  }
  return counts
}

/** The same of the values that are stored of a customer's series; `seriesId` is the id. */
export async function countStoredValues(
  client: Statements,
  organizationId: number,
  { customerId, seriesIds, day }: { customerId: number; seriesIds: readonly string[]; day: number },
): Promise<ReadonlyMap<string, DistinctCounts>> {
  const { rows } = await client.query<DistinctCounts>(
    `select value.series_id::text as "seriesId", unit.level, floor(extract(epoch from value.last_at) / unit.seconds)::integer as bucket,
       count(*)::integer as "distinctValues", (count(*) filter (where value.is_present))::integer as "distinctPresent"
     from usage_distinct_values value cross join (values (${QUARTER_HOUR}, 900), (${DAY}, 86400)) unit (level, seconds)
     where value.organization_id = $1 and value.customer_id = $2 and value.series_id = any($3::bigint[])
       and value.last_at >= $4 and value.last_at < $5
     group by 1, 2, 3`,
    [organizationId, customerId, seriesIds, isoOfMicros(day * DAY_MICROS), isoOfMicros((day + 1) * DAY_MICROS)],
  )
  return new Map(rows.map((row) => [rowKey(row), row]))
}

/** Text that differs for every two rows of a customer. */
export function rowKey({ seriesId, level, bucket }: Pick<RollupDelta, 'seriesId' | 'level' | 'bucket'>): string {
  return `${level}/${bucket}/${seriesId}`
}
