import { Exact } from '../money/decimal.ts'
import { ExactSum } from '../money/exact-sum.ts'
import type { StoredPart } from './aggregation.ts'
import { bucketOf, DAY, dayOfQuarterHour, type Level, QUARTER_HOUR } from './buckets.ts'
import { either, type LatestValue, laterValue } from './usage-part.ts'

/** What a batch adds to one bucket of one series. */
export interface RollupDelta {
  readonly customerId: number
  readonly seriesId: string
  readonly level: Level
  readonly bucket: number
  /** Whether its metric keeps more than count and sum, even where this delta says nothing of it. */
  readonly keepsParts: boolean
  readonly eventsCount: number
  readonly valueSum: string
  readonly valueMax: string | null
  readonly valueMin: string | null
  readonly valueTimeSum: string | null
  readonly latest: LatestValue | null
  /** Change of the values that were last seen in the bucket; null where the metric counts no distinct ones. */
  readonly distinctValues: number | null
  /** That of those among them that were not taken away. */
  readonly distinctPresent: number | null
}

/** By how much the distinct values change that were last seen in a quarter hour. */
export interface DistinctChange {
  /** The quarter hour. */
  readonly bucket: number
  readonly values: number
  readonly present: number
}

/** One value that a metric reads from an event. */
export interface RollupContribution {
  readonly timestampMicros: number
  readonly arrival: bigint
  /** Decimal text without an exponent. */
  readonly value: string
  /** What the metric keeps beside count and sum. */
  readonly stores: readonly StoredPart[]
  /** Whether rollups keep its distinct values. */
  readonly countsDistinct?: boolean
}

/** Adds up contributions per series and bucket of both levels. A series is told by its object, one for each. */
export class RollupDeltas<Series extends { readonly customerId: number }> {
  readonly #cells = new Map<Series, Map<number, Cell>>()

  add(series: Series, contribution: RollupContribution): void {
    const cell = this.#cell(series, contribution)
    cell.eventsCount += 1
    cell.sum.add(contribution.value)
    if (contribution.stores.length > 0) addParts(cell, partsOf(contribution))
  }

  /** Takes what was counted off count and sums. Whether it was the largest, smallest or latest no delta can tell. */
  withdraw(series: Series, contribution: RollupContribution): void {
    const cell = this.#cell(series, contribution)
    cell.eventsCount -= 1
    cell.sum.subtract(contribution.value)
    const timeSum = partsOf(contribution).timeSum?.negated() ?? null
    addParts(cell, { ...NO_PARTS, timeSum })
  }

  /** Notes where values were last seen from now on, or no more. */
  addDistinct(series: Series, { bucket, values, present }: DistinctChange): void {
    addDistinct(this.#cellAt(series, bucket, { keepsParts: false, countsDistinct: true }), values, present)
  }

  #cell(series: Series, { timestampMicros, stores, countsDistinct = false }: RollupContribution): Cell {
    return this.#cellAt(series, bucketOf(QUARTER_HOUR, timestampMicros), {
      keepsParts: stores.length > 0,
      countsDistinct,
    })
  }

  #cellAt(series: Series, bucket: number, kept: CellKind): Cell {
    let cells = this.#cells.get(series)
    if (cells === undefined) {
      cells = new Map()
      this.#cells.set(series, cells)
    }
    let cell = cells.get(bucket)
    if (cell === undefined) {
      cell = emptyCell(kept)
      cells.set(bucket, cell)
    }
    return cell
  }

  /**
   * Sorted by their key, so that transactions which touch the same rows lock them in the same order. Ids are asked for
   * once per series.
   */
  sorted(idOf: (series: Series) => string): RollupDelta[] {
    return Array.from(this.#cells, ([series, cells]) => ({
      customerId: series.customerId,
      seriesId: idOf(series),
      cells,
    }))
      .sort(byKey)
      .flatMap((series) => [
        ...deltasOf(series, QUARTER_HOUR, series.cells),
        ...deltasOf(series, DAY, daysOf(series.cells)),
      ])
  }
}

interface CellKind {
  readonly keepsParts: boolean
  readonly countsDistinct: boolean
}

interface Cell extends CellKind {
  eventsCount: number
  readonly sum: ExactSum
  max: Exact | null
  min: Exact | null
  timeSum: Exact | null
  latest: LatestValue | null
  distinctValues: number
  distinctPresent: number
}

interface SeriesCells {
  readonly customerId: number
  readonly seriesId: string
  readonly cells: ReadonlyMap<number, Cell>
}

function emptyCell({ keepsParts, countsDistinct }: CellKind): Cell {
  return {
    keepsParts,
    countsDistinct,
    eventsCount: 0,
    sum: new ExactSum(),
    max: null,
    min: null,
    timeSum: null,
    latest: null,
    distinctValues: 0,
    distinctPresent: 0,
  }
}

function addDistinct(cell: Cell, values: number, present: number): void {
  cell.distinctValues += values
  cell.distinctPresent += present
}

type Parts = Pick<Cell, 'max' | 'min' | 'timeSum' | 'latest'>

const NO_PARTS: Parts = { max: null, min: null, timeSum: null, latest: null }

function partsOf({ value, timestampMicros, arrival, stores }: RollupContribution): Parts {
  if (stores.length === 0) return NO_PARTS
  const exact = new Exact(value)
  return {
    max: stores.includes('max') ? exact : null,
    min: stores.includes('min') ? exact : null,
    timeSum: stores.includes('timeSum') ? exact.times(timestampMicros) : null,
    latest: stores.includes('latest') ? { value: exact, atMicros: timestampMicros, arrival } : null,
  }
}

function addParts(cell: Cell, added: Parts): void {
  cell.max = either(cell.max, added.max, (one, other) => Exact.max(one, other))
  cell.min = either(cell.min, added.min, (one, other) => Exact.min(one, other))
  cell.timeSum = either(cell.timeSum, added.timeSum, (one, other) => one.plus(other))
  cell.latest = either(cell.latest, added.latest, laterValue)
}

function daysOf(quarterHours: ReadonlyMap<number, Cell>): ReadonlyMap<number, Cell> {
  const days = new Map<number, Cell>()
  for (const [bucket, cell] of quarterHours) {
    const day = days.getOrInsertComputed(dayOfQuarterHour(bucket), () => emptyCell(cell))
    day.eventsCount += cell.eventsCount
    day.sum.addSum(cell.sum)
    if (cell.keepsParts) addParts(day, cell)
    addDistinct(day, cell.distinctValues, cell.distinctPresent)
  }
  return days
}

function deltasOf(
  { customerId, seriesId }: SeriesCells,
  level: Level,
  cells: ReadonlyMap<number, Cell>,
): RollupDelta[] {
  return [...cells]
    .sort(([left], [right]) => left - right)
    .map(([bucket, { keepsParts, eventsCount, sum, max, min, timeSum, latest, ...cell }]) => ({
      customerId,
      seriesId,
      level,
      bucket,
      keepsParts,
      eventsCount,
      valueSum: sum.toFixed(),
      valueMax: max?.toFixed() ?? null,
      valueMin: min?.toFixed() ?? null,
      valueTimeSum: timeSum?.toFixed() ?? null,
      latest,
      distinctValues: cell.countsDistinct ? cell.distinctValues : null,
      distinctPresent: cell.countsDistinct ? cell.distinctPresent : null,
    }))
}

function byKey(left: SeriesCells, right: SeriesCells): number {
  return (
    left.customerId - right.customerId ||
    left.seriesId.length - right.seriesId.length ||
    (left.seriesId < right.seriesId ? -1 : 1)
  )
}
