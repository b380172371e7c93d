import type { RollupDelta } from '../../shared/metering/rollup.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { decimal } from '../../shared/money/decimal.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import type { UsageDay } from './counted-days.ts'

/** A customer's day as it is stored and as it was counted; one of the two may be missing. */
export interface ComparedDay {
  readonly customerId: number
  readonly day: number
  readonly stored: UsageDay | undefined
  readonly counted: UsageDay | undefined
}

/** Walks two lists of days side by side; both must be in order of customer, then time. */
export async function* pairDays(
  storedDays: AsyncGenerator<UsageDay, void>,
  countedDays: AsyncGenerator<UsageDay, void>,
): AsyncGenerator<ComparedDay, void> {
  let [stored, counted] = [await storedDays.next(), await countedDays.next()]
  while (!stored.done || !counted.done) {
    const order = stored.done ? 1 : counted.done ? -1 : orderOf(stored.value, counted.value)
    const [left, right] = [
      order <= 0 && !stored.done ? stored.value : undefined,
      order >= 0 && !counted.done ? counted.value : undefined,
    ]
    const { customerId = 0, day = 0 } = left ?? right ?? {}
    yield { customerId, day, stored: left, counted: right }
    if (left !== undefined) stored = await storedDays.next()
    if (right !== undefined) counted = await countedDays.next()
  }
}

function orderOf(one: UsageDay, other: UsageDay): number {
  return one.customerId - other.customerId || one.day - other.day
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

/** Every column of every bucket in which a day is not what its events give. */
export function differencesOf({ stored, counted }: ComparedDay): RollupDifference[] {
  const right = new Map(counted?.rollups.map((row) => [rowKey(row), row]))
  const left = new Map(stored?.rollups.map((row) => [rowKey(row), row]))
  const keys = new Set([...left.keys(), ...right.keys()])
  return [...keys].flatMap((key) => {
    const [one, other] = [left.get(key), right.get(key)]
    const row = one ?? other
    const series = row && (stored?.series.get(row.seriesId) ?? counted?.series.get(row.seriesId))
    if (row === undefined || series === undefined) return []
    return columnsThatDiffer(one, other).map((difference) => ({
      series,
      level: row.level,
      bucket: row.bucket,
      ...difference,
    }))
  })
}

function rowKey({ seriesId, level, bucket }: RollupDelta): string {
  return `${level}/${bucket}/${seriesId}`
}

function columnsThatDiffer(stored: RollupDelta | undefined, computed: RollupDelta | undefined) {
  const [left, right] = [valuesOf(stored), valuesOf(computed)]
  // A row that is not there is one difference, not one per column.
  const columns = stored === undefined || computed === undefined ? COLUMNS.slice(0, 1) : COLUMNS
  return columns.flatMap((column) => {
    const [one, other] = [left[column], right[column]]
    return isSame(one, other) ? [] : [{ column, stored: one, computed: other }]
  })
}

const COLUMNS = [
  'events_count',
  'value_sum',
  'value_max',
  'value_min',
  'value_time_sum',
  'latest_at',
  'latest_arrival',
  'latest_value',
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
  }
}

// Numbers are the same whether or not zeros follow the point; times are the same when their texts are.
function isSame(one: string | null, other: string | null): boolean {
  if (one === other) return true
  if (one === null || other === null || one.includes('T') || other.includes('T')) return false
  return decimal(one).equals(decimal(other))
}
