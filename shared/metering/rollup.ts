import { assert } from '../errors.ts'
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
  readonly #cells = new Map<Series, CellsOfSeries>()

  /** The series that anything was added to. */
  series(): MapIterator<Series> {
    return this.#cells.keys()
  }

  add(series: Series, contribution: RollupContribution): void {
    const cell = this.#cell(series, contribution)
    cell.eventsCount += 1
    cell.sum.add(contribution.value)
    if (cell.parts !== null) addParts(cell.parts, partsOf(contribution))
  }

  /** Takes what was counted off count and sums. Whether it was the largest, smallest or latest no delta can tell. */
  withdraw(series: Series, contribution: RollupContribution): void {
    const cell = this.#cell(series, contribution)
    cell.eventsCount -= 1
    cell.sum.subtract(contribution.value)
    if (cell.parts === null) return
    const timeSum = partsOf(contribution).timeSum?.negated() ?? null
    addParts(cell.parts, { ...NO_PARTS, timeSum })
  }

  /** Notes where values were last seen from now on, or no more. */
  addDistinct(series: Series, { bucket, values, present }: DistinctChange): void {
    addDistinct(this.#cellAt(series, bucket, { keepsParts: false, countsDistinct: true }), { values, present })
  }

  #cell(series: Series, { timestampMicros, stores, countsDistinct = false }: RollupContribution): Cell {
    return this.#cellAt(series, bucketOf(QUARTER_HOUR, timestampMicros), {
      keepsParts: stores.length > 0,
      countsDistinct,
    })
  }

  #cellAt(series: Series, bucket: number, kept: CellKind): Cell {
    const cells = this.#cells.get(series)
    if (cells === undefined) {
      const first = emptyCell(kept)
      this.#cells.set(series, { bucket, first, others: undefined })
      return first
    }
    if (cells.bucket === bucket) return cells.first
    cells.others ??= new Map()
    return cells.others.getOrInsertComputed(bucket, () => emptyCell(kept))
  }

  /**
   * Sorted by their key, so that transactions which touch the same rows lock them in the same order. Ids are asked for
   * once per series. They are made one by one: all at once, those of a large batch would outlive it in memory.
   */
  *sorted(idOf: (series: Series) => string): Generator<RollupDelta, void> {
    const sorted = Array.from(this.#cells, ([series, cells]) => ({
      customerId: series.customerId,
      seriesId: idOf(series),
      cells,
    })).sort(byKey)
    for (const series of sorted) yield* deltasOf(series)
  }
}

// Nearly always a batch adds to one bucket of a series, which needs no map then.
interface CellsOfSeries {
  readonly bucket: number
  readonly first: Cell
  others: Map<number, Cell> | undefined
}

interface CellKind {
  readonly keepsParts: boolean
  readonly countsDistinct: boolean
}

interface Cell {
  eventsCount: number
  readonly sum: ExactSum
  /** Null where the metric keeps no more than count and sum. */
  readonly parts: Parts | null
  /** Null where it counts no distinct values. */
  readonly distinct: Distinct | null
}

interface Parts {
  max: Exact | null
  min: Exact | null
  timeSum: Exact | null
  latest: LatestValue | null
}

interface Distinct {
  values: number
  present: number
}

interface SeriesCells {
  readonly customerId: number
  readonly seriesId: string
  readonly cells: CellsOfSeries
}

const NO_PARTS: Readonly<Parts> = { max: null, min: null, timeSum: null, latest: null }

function emptyCell({ keepsParts, countsDistinct }: CellKind): Cell {
  return {
    eventsCount: 0,
    sum: new ExactSum(),
    parts: keepsParts ? { ...NO_PARTS } : null,
    distinct: countsDistinct ? { values: 0, present: 0 } : null,
  }
}

function addDistinct({ distinct }: Cell, { values, present }: Distinct): void {
  assert(distinct !== null, 'a bucket counts distinct values that its metric does not')
  distinct.values += values
  distinct.present += present
}

function partsOf({ value, timestampMicros, arrival, stores }: RollupContribution): Readonly<Parts> {
  const exact = new Exact(value)
  return {
    max: stores.includes('max') ? exact : null,
    min: stores.includes('min') ? exact : null,
    timeSum: stores.includes('timeSum') ? exact.times(timestampMicros) : null,
    latest: stores.includes('latest') ? { value: exact, atMicros: timestampMicros, arrival } : null,
  }
}

function addParts(parts: Parts, added: Readonly<Parts>): void {
  parts.max = either(parts.max, added.max, (one, other) => Exact.max(one, other))
  parts.min = either(parts.min, added.min, (one, other) => Exact.min(one, other))
  parts.timeSum = either(parts.timeSum, added.timeSum, (one, other) => one.plus(other))
  parts.latest = either(parts.latest, added.latest, laterValue)
}

function daysOf(quarterHours: ReadonlyMap<number, Cell>): ReadonlyMap<number, Cell> {
  const days = new Map<number, Cell>()
  for (const [bucket, cell] of quarterHours) {
    const day = days.getOrInsertComputed(dayOfQuarterHour(bucket), () =>
      emptyCell({ keepsParts: cell.parts !== null, countsDistinct: cell.distinct !== null }),
    )
    day.eventsCount += cell.eventsCount
    day.sum.addSum(cell.sum)
    if (day.parts !== null && cell.parts !== null) addParts(day.parts, cell.parts)
    if (cell.distinct !== null) addDistinct(day, cell.distinct)
  }
  return days
}

function deltasOf(series: SeriesCells): RollupDelta[] {
  const { bucket, first, others } = series.cells
  if (others === undefined) {
    const delta = deltaOf(series, QUARTER_HOUR, [bucket, first])
    return [delta, { ...delta, level: DAY, bucket: dayOfQuarterHour(bucket) }]
  }
  const quarterHours = others.set(bucket, first)
  return [
    ...sortedByBucket(quarterHours).map((cell) => deltaOf(series, QUARTER_HOUR, cell)),
    ...sortedByBucket(daysOf(quarterHours)).map((cell) => deltaOf(series, DAY, cell)),
  ]
}

function sortedByBucket(cells: ReadonlyMap<number, Cell>): [bucket: number, cell: Cell][] {
  return [...cells].sort(([left], [right]) => left - right)
}

function deltaOf(
  { customerId, seriesId }: SeriesCells,
  level: Level,
  [bucket, cell]: readonly [number, Cell],
): RollupDelta {
  return {
    customerId,
    seriesId,
    level,
    bucket,
    keepsParts: cell.parts !== null,
    eventsCount: cell.eventsCount,
    valueSum: cell.sum.toFixed(),
    valueMax: cell.parts?.max?.toFixed() ?? null,
    valueMin: cell.parts?.min?.toFixed() ?? null,
    valueTimeSum: cell.parts?.timeSum?.toFixed() ?? null,
    latest: cell.parts?.latest ?? null,
    distinctValues: cell.distinct?.values ?? null,
    distinctPresent: cell.distinct?.present ?? null,
  }
}

function byKey(left: SeriesCells, right: SeriesCells): number {
  return (
    left.customerId - right.customerId ||
    left.seriesId.length - right.seriesId.length ||
    (left.seriesId < right.seriesId ? -1 : 1)
  )
}
