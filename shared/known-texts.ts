const SLOTS = 2 ** 14
const MOST_BYTES = 64
const LAST_ASCII = 127

// FNV-1a, 32 bits.
const OFFSET = 0x811c9dc5
const PRIME = 0x01000193

/**
 * Remembers texts by their bytes. Names come thousands of times, and to find one is cheaper than to decode it; as the
 * same object each time it is also found sooner in a map. A text may be forgotten for another at any time.
 */
export class KnownTexts {
  readonly #texts: (string | undefined)[] = Array.from({ length: SLOTS })

  /** The text that stands in UTF-8 from one place to before another. */
  of(bytes: Buffer, start: number, end: number): string {
    if (end - start > MOST_BYTES) return bytes.toString('utf8', start, end)
    let hash = OFFSET
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] as number), PRIME)
    const slot = (hash ^ (hash >>> 16)) & (SLOTS - 1)
    const known = this.#texts[slot]
    if (known !== undefined && isText(known, bytes, start, end)) return known
    const text = bytes.toString('utf8', start, end)
    this.#texts[slot] = text
    return text
  }
}

// Of other characters than ASCII a byte tells nothing, so a text with one of them is decoded each time.
function isText(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let index = 0; index < text.length; index += 1) {
    const byte = bytes[start + index] as number
    if (byte > LAST_ASCII || text.charCodeAt(index) !== byte) return false
  }
  return true
}
