import type { RollupDelta } from '../../shared/metering/rollup.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { decimal } from '../../shared/money/decimal.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import type { CountedDay, UsageDay } from './counted-days.ts'
import { countsOfValues, type DistinctCounts, rowKey } from './distinct-counts.ts'

/** A customer's day as it is stored and as it was counted; one of the two may be missing. */
export interface ComparedDay {
  readonly customerId: number
  readonly day: number
  readonly stored: UsageDay | undefined
  readonly counted: CountedDay | undefined
  /** Whether some of its events are in an archive that was not read. */
  readonly isUnread: boolean
}

/** One column of one bucket that is not what its events give; a row that is missing or too many is its count. */
export interface RollupDifference {
  readonly series: SeriesIdentity
  readonly level: number
  readonly bucket: number
  readonly column: string
  readonly stored: string | null
  readonly computed: string | null
}

/**
 * Every column of every bucket in which a day is not what its events give. Counts of distinct values are compared with the
 * values that are stored.
 */
export function differencesOf(day: ComparedDay): RollupDifference[] {
  const { stored, counted } = day
  const right = new Map(counted?.rollups.map((row) => [rowKey(row), row]))
  const left = new Map(stored?.rollups.map((row) => [rowKey(row), row]))
  const distinct = countsOfValues(stored)
  const keys = new Set([...left.keys(), ...right.keys(), ...distinct.keys()])
  return [...keys].flatMap((key) => {
    const [one, other, count] = [left.get(key), right.get(key), distinct.get(key)]
    const row = one ?? other ?? count
    const series = row && (stored?.series.get(row.seriesId) ?? counted?.series.get(row.seriesId))
    if (row === undefined || series === undefined) return []
    const found = day.isUnread
      ? countsThatDiffer(one, count)
      : one === undefined && other === undefined
        ? countsThatDiffer(undefined, count)
        : columnsThatDiffer(one, withCounts(other, count))
    return found.map((difference) => ({ series, level: row.level, bucket: row.bucket, ...difference }))
  })
}

function withCounts(row: RollupDelta | undefined, count: DistinctCounts | undefined): RollupDelta | undefined {
  if (row === undefined || row.distinctValues === null) return row
  return { ...row, distinctValues: count?.distinctValues ?? 0, distinctPresent: count?.distinctPresent ?? 0 }
}

function columnsThatDiffer(stored: RollupDelta | undefined, computed: RollupDelta | undefined) {
  // A row that is not there is one difference, not one per column.
  const columns = stored === undefined || computed === undefined ? COLUMNS.slice(0, 1) : COLUMNS
  return differing(columns, valuesOf(stored), valuesOf(computed))
}

// Where nothing else can be compared. A row that is not there counts no values.
function countsThatDiffer(stored: RollupDelta | undefined, count: DistinctCounts | undefined) {
  if (stored?.distinctValues === null && count === undefined) return []
  const left = { distinct_values: textOf(stored?.distinctValues), distinct_present: textOf(stored?.distinctPresent) }
  const { distinctValues = 0, distinctPresent = 0 } = count ?? {}
  const right = { distinct_values: String(distinctValues), distinct_present: String(distinctPresent) }
  return differing(stored === undefined ? DISTINCT_COLUMNS.slice(0, 1) : DISTINCT_COLUMNS, left, right)
}

function differing<Column extends string>(
  columns: readonly Column[],
  stored: Readonly<Record<Column, string | null>>,
  computed: Readonly<Record<Column, string | null>>,
) {
  return columns.flatMap((column) => {
    const [one, other] = [stored[column], computed[column]]
    return isSame(one, other) ? [] : [{ column, stored: one, computed: other }]
  })
}

const DISTINCT_COLUMNS = ['distinct_values', 'distinct_present'] as const

const COLUMNS = [
  'events_count',
  'value_sum',
  'value_max',
  'value_min',
  'value_time_sum',
  'latest_at',
  'latest_arrival',
  'latest_value',
  ...DISTINCT_COLUMNS,
] as const

function valuesOf(row: RollupDelta | undefined): Record<(typeof COLUMNS)[number], string | null> {
  const latest = row?.latest ?? null
  return {
    events_count: row === undefined ? null : String(row.eventsCount),
    value_sum: row?.valueSum ?? null,
    value_max: row?.valueMax ?? null,
    value_min: row?.valueMin ?? null,
    value_time_sum: row?.valueTimeSum ?? null,
    latest_at: latest === null ? null : isoOfMicros(latest.atMicros),
    latest_arrival: latest?.arrival.toString() ?? null,
    latest_value: latest?.value.toFixed() ?? null,
    distinct_values: textOf(row?.distinctValues),
    distinct_present: textOf(row?.distinctPresent),
  }
}

function textOf(count: number | null | undefined): string | null {
  return count === null || count === undefined ? null : String(count)
}

// Numbers are the same whether or not zeros follow the point; times are the same when their texts are.
function isSame(one: string | null, other: string | null): boolean {
  if (one === other) return true
  if (one === null || other === null || one.includes('T') || other.includes('T')) return false
  return decimal(one).equals(decimal(other))
}
