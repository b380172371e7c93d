/** The bytes of a line without its end, or that it is longer than the bound. */
export type Line = Buffer | 'too_long'

const NEWLINE = 10
const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/**
 * Cuts the pieces of a stream into lines, without the byte order mark that it may begin with. Of a line that has not ended
 * it holds at most the bound.
 */
export class LineSplitter {
  readonly #maxBytes: number
  #held: Buffer[] = []
  #heldBytes = 0
  #isFirst = true

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** How much is held of a line that has not ended. */
  get heldBytes(): number {
    return this.#heldBytes > this.#maxBytes ? 0 : this.#heldBytes
  }

  /** The lines that end in this piece. */
  push(piece: Buffer): Line[] {
    const lines: Line[] = []
    let start = 0
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      // Of a body of nothing but newlines each is a line.
      lines.push(this.#close(end === start ? EMPTY : piece.subarray(start, end)))
      start = end + 1
    }
    if (start < piece.length) this.#hold(piece.subarray(start))
    return this.#isFirst ? this.#withoutMark(lines) : lines
  }

  /** What is left when the stream has ended: the last line, unless it ended with the stream. */
  end(): Line[] {
    const lines = this.#heldBytes === 0 ? [] : [this.#close(EMPTY)]
    return this.#isFirst ? this.#withoutMark(lines) : lines
  }

  #withoutMark(lines: Line[]): Line[] {
    const [first, ...others] = lines
    if (first === undefined) return lines
    this.#isFirst = false
    const hasMark = first !== 'too_long' && first.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    return hasMark ? [first.subarray(BYTE_ORDER_MARK.length), ...others] : lines
  }

  #close(rest: Buffer): Line {
    const bytes = this.#heldBytes + rest.length
    const line = this.#heldBytes === 0 ? rest : Buffer.concat([...this.#held, rest])
    this.#held = []
    this.#heldBytes = 0
    return bytes > this.#maxBytes ? 'too_long' : line
  }

  // Copied, because a piece of a few bytes would keep the whole block alive that it was read into.
  #hold(rest: Buffer): void {
    this.#heldBytes += rest.length
    if (this.#heldBytes > this.#maxBytes) this.#held = []
    else this.#held.push(Buffer.from(rest))
  }
}

const EMPTY = Buffer.alloc(0)
