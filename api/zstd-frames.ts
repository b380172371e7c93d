const MAGIC = 0xfd2fb528
// The low four bits of a skippable frame's magic number are free.
const SKIPPABLE_MAGIC = 0x184d2a50
const MAGIC_BYTES = 4
const DESCRIPTOR_BYTES = 1
const BLOCK_HEADER_BYTES = 3
const CHECKSUM_BYTES = 4
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
const RUN_LENGTH_BLOCK = 1

type Part = 'magic' | 'skippable_size' | 'descriptor' | 'window' | 'block_header'

const BYTES: Readonly<Record<Part, number>> = {
  magic: MAGIC_BYTES,
  skippable_size: 4,
  descriptor: DESCRIPTOR_BYTES,
  window: 1,
  block_header: BLOCK_HEADER_BYTES,
}

/**
 * Follows where the frames of a zstd body end (RFC 8878, section 3), without decompressing them. The decompressor takes up
 * to three bytes of a frame that never comes for nothing.
 */
export class ZstdFrames {
  #part: Part = 'magic'
  /** The bytes of the part that came so far, as one little-endian number. */
  #value = 0
  #valueBytes = 0
  #skipBytes = 0
  #hasChecksum = false
  #windowBytes = 0
  /** Of the frame's header, what follows its descriptor and window. */
  #headerBytes = 0

  /** Whether all that was pushed is whole frames. What is none has been refused by the decompressor. */
  get isWhole(): boolean {
    return this.#part === 'magic' && this.#valueBytes === 0 && this.#skipBytes === 0
  }

  /** How much of what the latest frame says a decompressor keeps; without end where that is all of it. */
  get windowBytes(): number {
    return this.#windowBytes
  }

  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, piece.length - at)
        this.#skipBytes -= skipped
        at += skipped
        continue
      }
      this.#value += (piece[at] as number) * 2 ** (8 * this.#valueBytes)
      this.#valueBytes += 1
      at += 1
      if (this.#valueBytes === BYTES[this.#part]) this.#endPart()
    }
  }

  #endPart(): void {
    const [part, value] = [this.#part, this.#value]
    this.#value = 0
    this.#valueBytes = 0
    if (part === 'magic') this.#part = this.#partAfterMagic(value)
    else if (part === 'skippable_size') {
      this.#skipBytes = value
      this.#part = 'magic'
    } else if (part === 'descriptor') this.#endDescriptor(value)
    else if (part === 'window') {
      this.#windowBytes = windowBytesOf(value)
      this.#skipBytes = this.#headerBytes
      this.#part = 'block_header'
    } else this.#endBlockHeader(value)
  }

  #endDescriptor(value: number): void {
    const isSingleSegment = (value & 32) !== 0
    this.#hasChecksum = (value & 4) !== 0
    this.#headerBytes = headerBytesAfter(value, isSingleSegment)
    this.#part = isSingleSegment ? 'block_header' : 'window'
    if (!isSingleSegment) return
    this.#windowBytes = Number.POSITIVE_INFINITY
    this.#skipBytes = this.#headerBytes
  }

  // What is no frame at all leaves nothing whole.
  #partAfterMagic(value: number): Part {
    if (value === MAGIC) return 'descriptor'
    if (value - (value % 16) === SKIPPABLE_MAGIC) return 'skippable_size'
    this.#skipBytes = Number.POSITIVE_INFINITY
    return 'magic'
  }

  #endBlockHeader(value: number): void {
    const isLast = (value & 1) === 1
    this.#skipBytes = ((value >> 1) & 3) === RUN_LENGTH_BLOCK ? 1 : value >> 3
    if (!isLast) return
    if (this.#hasChecksum) this.#skipBytes += CHECKSUM_BYTES
    this.#part = 'magic'
  }
}

/** How long the rest of a frame's header is, by its descriptor, without the byte of its window. */
function headerBytesAfter(descriptor: number, isSingleSegment: boolean): number {
  const dictionaryBytes = DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3]
  const sizeBytes = CONTENT_SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3]
  return dictionaryBytes + (isSingleSegment ? Math.max(sizeBytes, 1) : sizeBytes)
}

// Section 3.1.1.1.2: a power of two, and eighths of it.
function windowBytesOf(value: number): number {
  const base = 2 ** (10 + (value >> 3))
  return base + (base / 8) * (value & 7)
}
