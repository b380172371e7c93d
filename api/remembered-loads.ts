import { SharedLoads } from './shared-loads.ts'

interface Bounds {
  /** What was found is answered for this long. */
  readonly keepMs: number
  /** Who asks after this long has it loaded again without waiting, so that nobody waits while requests keep coming. */
  readonly freshMs: number
  /** With as many, all are forgotten. */
  readonly maxKept: number
}

/** What was loaded, remembered for a moment. What was not found is looked for each time. */
export class RememberedLoads<Key, Value> {
  readonly #bounds: Bounds
  readonly #kept = new Map<Key, { readonly value: Value; readonly loadedAtMs: number }>()
  readonly #loads = new SharedLoads<Key, Value>()

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  /** What is remembered, or what `load` finds; a promise only where it is waited for. */
  read(key: Key, load: () => Promise<Value | undefined>): Value | Promise<Value | undefined> {
    const kept = this.#kept.get(key)
    const ageMs = kept === undefined ? Number.POSITIVE_INFINITY : performance.now() - kept.loadedAtMs
    if (kept === undefined || ageMs >= this.#bounds.keepMs) return this.#load(key, load)
    // What fails here fails again for whoever has to wait for it.
    if (ageMs >= this.#bounds.freshMs) this.#load(key, load).catch(() => undefined)
    return kept.value
  }

  #load(key: Key, load: () => Promise<Value | undefined>): Promise<Value | undefined> {
    return this.#loads.load(key, async () => {
      const value = await load()
      if (value === undefined) this.#kept.delete(key)
      else this.#keep(key, value)
      return value
    })
  }

  #keep(key: Key, value: Value): void {
    if (this.#kept.size >= this.#bounds.maxKept) this.#kept.clear()
    this.#kept.set(key, { value, loadedAtMs: performance.now() })
  }
}
