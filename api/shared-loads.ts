/**
 * Lets those who need the same thing at the same time load it once: when something remembered runs out, hundreds of
 * requests may notice in the same moment.
 */
export class SharedLoads<Key, Value> {
  readonly #running = new Map<Key, Promise<Value | undefined>>()

  /** What `load` finds. Who joins a load that finds nothing looks again, because an answer of its own would be newer. */
  async load(key: Key, load: () => Promise<Value | undefined>): Promise<Value | undefined> {
    const running = this.#running.get(key)
    if (running !== undefined) return (await running) ?? (await load())
    const own = load()
    this.#running.set(key, own)
    try {
      return await own
    } finally {
      this.#running.delete(key)
    }
  }
}
