// About 20 MB; a worker that sees more series in turn looks some of them up again.
const MAX_KNOWN = 100_000

/**
 * Remembers the ids of series over transactions. That is right for as long as its metric has their generation, because
 * only series of an older one are ever deleted, and a key holds the generation that the transaction has read.
 */
export class KnownSeries {
  #recent = new Map<string, string>()
  #older = new Map<string, string>()

  get(key: string): string | undefined {
    const recent = this.#recent.get(key)
    if (recent !== undefined) return recent
    const older = this.#older.get(key)
    if (older !== undefined) this.add(key, older)
    return older
  }

  /** Remembers the id of a series that is committed. */
  add(key: string, seriesId: string): void {
    this.#recent.set(key, seriesId)
    if (this.#recent.size < MAX_KNOWN / 2) return
    this.#older = this.#recent
    this.#recent = new Map()
  }
}
