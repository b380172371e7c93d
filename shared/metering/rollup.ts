import { Exact } from '../money/decimal.ts'
import type { StoredPart } from './aggregation.ts'
import { bucketOf, DAY, dayOfQuarterHour, type Level, QUARTER_HOUR } from './buckets.ts'
import { type LatestValue, laterValue } from './usage-part.ts'

/** What a batch adds to one bucket of one series. */
export interface RollupDelta {
  readonly customerId: number
  readonly seriesId: string
  readonly level: Level
  readonly bucket: number
  readonly eventsCount: number
  readonly valueSum: string
  readonly valueMax: string | null
  readonly valueMin: string | null
  readonly valueTimeSum: string | null
  readonly latest: LatestValue | null
}

/** One value that a metric reads from an event. */
export interface RollupContribution {
  readonly customerId: number
  readonly seriesId: string
  readonly timestampMicros: number
  readonly arrival: bigint
  readonly value: string
  /** What the metric keeps beside count and sum. */
  readonly stores: readonly StoredPart[]
}

interface Cell {
  eventsCount: number
  sum: number | Exact
  max: Exact | null
  min: Exact | null
  timeSum: Exact | null
  latest: LatestValue | null
}

interface Series {
  readonly customerId: number
  readonly seriesId: string
  readonly cells: Map<number, Cell>
}

/** Adds up contributions per series and bucket of both levels. */
export class RollupDeltas {
  readonly #series = new Map<string, Series>()

  add(contribution: RollupContribution): void {
    this.#addCell(contribution, cellOf(contribution))
  }

  /** Takes what was counted off count and sums. Whether it was the largest, smallest or latest no delta can tell. */
  withdraw(contribution: RollupContribution): void {
    const { eventsCount, sum, timeSum } = cellOf(contribution)
    this.#addCell(contribution, {
      eventsCount: -eventsCount,
      sum: typeof sum === 'number' ? 0 - sum : sum.negated(),
      max: null,
      min: null,
      timeSum: timeSum?.negated() ?? null,
      latest: null,
    })
  }

  #addCell({ customerId, seriesId, timestampMicros }: RollupContribution, cell: Cell): void {
    let series = this.#series.get(seriesId)
    if (series === undefined) {
      series = { customerId, seriesId, cells: new Map() }
      this.#series.set(seriesId, series)
    }
    addTo(series.cells, bucketOf(QUARTER_HOUR, timestampMicros), cell)
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

function cellOf({ value, timestampMicros, arrival, stores }: RollupContribution): Cell {
  const cell: Cell = { eventsCount: 1, sum: plus(0, value), max: null, min: null, timeSum: null, latest: null }
  if (stores.length === 0) return cell
  const exact = new Exact(value)
  if (stores.includes('max')) cell.max = exact
  if (stores.includes('min')) cell.min = exact
  if (stores.includes('timeSum')) cell.timeSum = exact.times(timestampMicros)
  if (stores.includes('latest')) cell.latest = { value: exact, atMicros: timestampMicros, arrival }
  return cell
}

function deltasOf({ customerId, seriesId }: Series, level: Level, cells: ReadonlyMap<number, Cell>): RollupDelta[] {
  return [...cells]
    .sort(([left], [right]) => left - right)
    .map(([bucket, { eventsCount, sum, max, min, timeSum, latest }]) => ({
      customerId,
      seriesId,
      level,
      bucket,
      eventsCount,
      valueSum: typeof sum === 'number' ? String(sum) : sum.toFixed(),
      valueMax: max?.toFixed() ?? null,
      valueMin: min?.toFixed() ?? null,
      valueTimeSum: timeSum?.toFixed() ?? null,
      latest,
    }))
}

function daysOf(quarterHours: ReadonlyMap<number, Cell>): ReadonlyMap<number, Cell> {
  const days = new Map<number, Cell>()
  for (const [bucket, cell] of quarterHours) addTo(days, dayOfQuarterHour(bucket), { ...cell })
  return days
}

function addTo(cells: Map<number, Cell>, bucket: number, added: Cell): void {
  const cell = cells.get(bucket)
  if (cell === undefined) {
    cells.set(bucket, added)
    return
  }
  cell.eventsCount += added.eventsCount
  cell.sum = plus(cell.sum, added.sum)
  if (added.max !== null) cell.max = cell.max === null ? added.max : Exact.max(cell.max, added.max)
  if (added.min !== null) cell.min = cell.min === null ? added.min : Exact.min(cell.min, added.min)
  if (cell.timeSum !== null && added.timeSum !== null) cell.timeSum = cell.timeSum.plus(added.timeSum)
  if (added.latest !== null) cell.latest = cell.latest === null ? added.latest : laterValue(cell.latest, added.latest)
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
