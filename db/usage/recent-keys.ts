// Eight megabytes: about the last million keys, of which the last two hundred thousand hardly ever lack one.
const BUCKETS = 2 ** 19
const BUCKET_SIZE = 4
const BUCKET_SHIFT = 32 - 19

/**
 * Remembers the event keys that were claimed lately, by 51 of their bits, so that events which are sent twice are known
 * before they are written. It may forget, and once in a quadrillion it may take one key for another: it only says where to
 * look first, and the table decides.
 */
export class RecentKeys {
  readonly #slots = new Uint32Array(BUCKETS * BUCKET_SIZE)

  /** Remembers a key by its first 64 bits, and answers whether it was remembered before. */
  add(high: number, low: number): boolean {
    const slots = this.#slots
    const first = (high >>> BUCKET_SHIFT) * BUCKET_SIZE
    // An empty slot holds 0.
    const tag = low === 0 ? 1 : low
    for (let slot = first; slot < first + BUCKET_SIZE; slot += 1) if (slots[slot] === tag) return true
    slots.copyWithin(first + 1, first, first + BUCKET_SIZE - 1)
    slots[first] = tag
    return false
  }
}
