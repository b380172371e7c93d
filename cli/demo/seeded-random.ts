/** The next number of a sequence, at least 0 and below 1. */
export type Random = () => number

/**
 * A sequence that depends on the seed and the purpose alone, so that a run can be repeated, and so that drawing more
 * for one purpose changes nothing for another. The generator is mulberry32.
 */
export function seededRandom(seed: number, purpose: string): Random {
  let state = Buffer.from(purpose).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), seed | 0)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The items in an order drawn at random (Fisher and Yates). */
export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const result = [...items]
  for (let last = result.length - 1; last > 0; last -= 1) {
    const chosen = Math.floor(random() * (last + 1))
    ;[result[last], result[chosen]] = [result[chosen] as Item, result[last] as Item]
  }
  return result
}
