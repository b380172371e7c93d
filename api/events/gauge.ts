export interface GaugeOptions {
  /** It is measured again at the earliest after this long, and only when it is asked for. */
  readonly everyMs: number
  /** A value older than this is not answered any more; the next one is waited for. */
  readonly staleMs: number
}

/**
 * Something that is measured now and then, and remembered in between: asking costs nothing as long as others ask too.
 * What is added here since the last measurement counts on top of it.
 */
export class Gauge {
  readonly #measure: () => Promise<number>
  readonly #options: GaugeOptions
  #value: number | undefined
  #measuredAtMs = Number.NEGATIVE_INFINITY
  #nextAtMs = Number.NEGATIVE_INFINITY
  #measuring: Promise<void> | undefined
  #addedWhileMeasuring = 0

  constructor(measure: () => Promise<number>, options: GaugeOptions) {
    this.#measure = measure
    this.#options = options
  }

  /** The value; a promise where it must be measured first, undefined where it cannot be. */
  read(): number | undefined | Promise<number | undefined> {
    const nowMs = performance.now()
    if (nowMs >= this.#nextAtMs) this.#measuring ??= this.#update(nowMs)
    if (nowMs - this.#measuredAtMs <= this.#options.staleMs || this.#measuring === undefined) return this.#value
    return this.#measuring.then(() => this.#value)
  }

  add(amount: number): void {
    this.#addedWhileMeasuring += amount
    if (this.#value !== undefined) this.#value += amount
  }

  async #update(startedAtMs: number): Promise<void> {
    this.#addedWhileMeasuring = 0
    try {
      const measured = await withinLimit(this.#measure())
      this.#value = measured + this.#addedWhileMeasuring
    } catch {
      // Whatever is away refuses for itself.
      this.#value = undefined
    }
    this.#measuring = undefined
    this.#measuredAtMs = performance.now()
    // A measurement that takes long is repeated less often, so that it never takes more than a tenth of the time.
    this.#nextAtMs = this.#measuredAtMs + Math.max(this.#options.everyMs, 9 * (this.#measuredAtMs - startedAtMs))
  }
}

const LIMIT_MS = 1_000

function withinLimit(measured: Promise<number>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), LIMIT_MS)
  measured.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}
