import { Exact } from '../money/decimal.ts'
import { bucketOf, DAY, type Level, QUARTER_HOUR } from './buckets.ts'

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
  customerId: number
  seriesId: string
  level: Level
  bucket: number
  eventsCount: number
  sum: number | Exact
}

/** Adds up contributions per series and bucket of both levels. */
export class RollupDeltas {
  readonly #cells = new Map<string, Cell>()

  add(contribution: { customerId: number; seriesId: string; timestampMicros: number; value: string }): void {
    this.#addTo(QUARTER_HOUR, contribution)
    this.#addTo(DAY, contribution)
  }

  /** Sorted by their key, so that transactions which touch the same rows lock them in the same order. */
  sorted(): RollupDelta[] {
    return [...this.#cells.values()].sort(byKey).map(({ sum, ...cell }) => ({
      ...cell,
      valueSum: typeof sum === 'number' ? String(sum) : sum.toFixed(),
    }))
  }

  #addTo(level: Level, { customerId, seriesId, timestampMicros, value }: Parameters<RollupDeltas['add']>[0]): void {
    const bucket = bucketOf(level, timestampMicros)
    const key = `${seriesId}/${level}/${bucket}`
    const cell = this.#cells.get(key)
    if (cell === undefined) {
      this.#cells.set(key, { customerId, seriesId, level, bucket, eventsCount: 1, sum: plus(0, value) })
      return
    }
    cell.eventsCount += 1
    cell.sum = plus(cell.sum, value)
  }
}

// Sums of safe integers are exact doubles as long as they stay safe; everything else goes through decimals.
function plus(sum: number | Exact, value: string): number | Exact {
  if (typeof sum === 'number' && value.length < 16 && !value.includes('.')) {
    const total = sum + Number(value)
    if (Number.isSafeInteger(total)) return total
  }
  return new Exact(sum).plus(value)
}

function byKey(left: Cell, right: Cell): number {
  return (
    left.customerId - right.customerId ||
    left.seriesId.length - right.seriesId.length ||
    (left.seriesId === right.seriesId ? 0 : left.seriesId < right.seriesId ? -1 : 1) ||
    left.level - right.level ||
    left.bucket - right.bucket
  )
}
