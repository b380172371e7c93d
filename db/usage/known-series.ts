import { SeriesIndex } from './series-index.ts'

// About 20 MB; a worker that sees more series begins anew.
const MAX_KNOWN = 50_000

/**
 * Remembers series and their ids over transactions. That is right for as long as a metric has their generation, because
 * only series of an older one are ever deleted, and an index tells the generations of a metric apart.
 */
export class KnownSeries {
  #index = new SeriesIndex()

  /** The index of a transaction, which stays with it to its end: it tells series apart by their objects. */
  index(): SeriesIndex {
    if (this.#index.size > MAX_KNOWN) this.#index = new SeriesIndex()
    return this.#index
  }
}
