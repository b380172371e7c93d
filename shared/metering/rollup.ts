import { Exact } from '../money/decimal.ts'
import { bucketOf, DAY, dayOfQuarterHour, type Level, QUARTER_HOUR } from './buckets.ts'

/** What a batch adds to one bucket of one series. */
export interface RollupDelta {
  readonly customerId: number
  readonly seriesId: string
  readonly level: Level
  readonly bucket: number
  readonly eventsCount: number
  readonly valueSum: string
}

interface Cell {
  eventsCount: number
  sum: number | Exact
}

interface Series {
  readonly customerId: number
  readonly seriesId: string
  readonly cells: Map<number, Cell>
}

/** Adds up contributions per series and bucket of both levels. */
export class RollupDeltas {
  readonly #series = new Map<string, Series>()

  add(contribution: { customerId: number; seriesId: string; timestampMicros: number; value: string }): void {
    const { customerId, seriesId, timestampMicros, value } = contribution
    let series = this.#series.get(seriesId)
    if (series === undefined) {
      series = { customerId, seriesId, cells: new Map() }
      this.#series.set(seriesId, series)
    }
    addTo(series.cells, bucketOf(QUARTER_HOUR, timestampMicros), { eventsCount: 1, sum: plus(0, value) })
  }

  /** Sorted by their key, so that transactions which touch the same rows lock them in the same order. */
  sorted(): RollupDelta[] {
    return [...this.#series.values()]
      .sort(byKey)
      .flatMap((series) => [
        ...deltasOf(series, QUARTER_HOUR, series.cells),
        ...deltasOf(series, DAY, daysOf(series.cells)),
      ])
  }
}

function deltasOf({ customerId, seriesId }: Series, level: Level, cells: ReadonlyMap<number, Cell>): RollupDelta[] {
  return [...cells]
    .sort(([left], [right]) => left - right)
    .map(([bucket, { eventsCount, sum }]) => ({
      customerId,
      seriesId,
      level,
      bucket,
      eventsCount,
      valueSum: typeof sum === 'number' ? String(sum) : sum.toFixed(),
    }))
}

function daysOf(quarterHours: ReadonlyMap<number, Cell>): ReadonlyMap<number, Cell> {
  const days = new Map<number, Cell>()
  for (const [bucket, cell] of quarterHours) addTo(days, dayOfQuarterHour(bucket), cell)
  return days
}

function addTo(cells: Map<number, Cell>, bucket: number, { eventsCount, sum }: Cell): void {
  const cell = cells.get(bucket)
  if (cell === undefined) {
    cells.set(bucket, { eventsCount, sum })
    return
  }
  cell.eventsCount += eventsCount
  cell.sum = plus(cell.sum, sum)
}

// Sums of safe integers are exact doubles as long as they stay safe; everything else goes through decimals.
function plus(sum: number | Exact, value: number | Exact | string): number | Exact {
  const addend = typeof value === 'string' && SMALL_INTEGER.test(value) ? Number(value) : value
  if (typeof sum === 'number' && typeof addend === 'number') {
    const total = sum + addend
    if (Number.isSafeInteger(total)) return total
  }
  return new Exact(sum).plus(addend)
}

const SMALL_INTEGER = /^-?\d{1,15}$/

function byKey(left: Series, right: Series): number {
  return (
    left.customerId - right.customerId ||
    left.seriesId.length - right.seriesId.length ||
    (left.seriesId < right.seriesId ? -1 : 1)
  )
}
