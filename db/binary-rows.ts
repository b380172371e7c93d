const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const HEADER = Buffer.concat([SIGNATURE, Buffer.alloc(8)])

// What is held at first; a little more than a chunk, so that one rarely has to grow.
const FIRST_BYTES = 73_728
const MOST_BYTES_PER_UNIT = 3
// Microseconds from 1970 to 2000, where Postgres begins to count.
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000
const TWO_TO_32 = 2 ** 32

/**
 * Rows in the binary format of COPY, as the documentation of Postgres gives it. Each row is begun with the number of its
 * fields, which follow in the order of the columns; nothing tells the server their types, so each is put as the column
 * is declared.
 */
export class BinaryRows {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0

  constructor() {
    this.#length = HEADER.copy(this.#buffer)
  }

  /** Bytes that are not taken yet. */
  get length(): number {
    return this.#length
  }

  /** What was written since the last time; it is the caller's from now on. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length)
    this.#buffer = Buffer.allocUnsafe(FIRST_BYTES)
    this.#length = 0
    return taken
  }

  row(fields: number): this {
    this.#reserve(2)
    this.#length = this.#buffer.writeInt16BE(fields, this.#length)
    return this
  }

  /** After the last row. */
  end(): void {
    this.row(-1)
  }

  null(): this {
    this.#reserve(4)
    this.#length = this.#buffer.writeInt32BE(-1, this.#length)
    return this
  }

  integer(value: number): this {
    this.#reserve(8)
    this.#buffer.writeInt32BE(4, this.#length)
    this.#length = this.#buffer.writeInt32BE(value, this.#length + 4)
    return this
  }

  bigint(value: bigint): this {
    this.#reserve(12)
    this.#buffer.writeInt32BE(8, this.#length)
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length + 4)
    return this
  }

  /** 32 hexadecimal digits. */
  uuid(digits: string): this {
    this.#reserve(20)
    this.#buffer.writeInt32BE(16, this.#length)
    this.#length += 4 + this.#buffer.write(digits, this.#length + 4, 'hex')
    return this
  }

  /** Microseconds since 1970, a safe integer, of a `timestamptz`. */
  timestamp(micros: number): this {
    const sinceEpoch = micros - POSTGRES_EPOCH_MICROS
    this.#reserve(12)
    this.#buffer.writeInt32BE(8, this.#length)
    this.#buffer.writeInt32BE(Math.floor(sinceEpoch / TWO_TO_32), this.#length + 4)
    this.#length = this.#buffer.writeUInt32BE(sinceEpoch >>> 0, this.#length + 8)
    return this
  }

  text(value: string | null): this {
    if (value === null) return this.null()
    this.#reserve(4 + value.length * MOST_BYTES_PER_UNIT)
    const bytes = this.#buffer.write(value, this.#length + 4)
    this.#buffer.writeInt32BE(bytes, this.#length)
    this.#length += 4 + bytes
    return this
  }

  /** JSON text. */
  jsonb(json: string): this {
    this.#reserve(5 + json.length * MOST_BYTES_PER_UNIT)
    const bytes = this.#buffer.write(json, this.#length + 5)
    this.#buffer.writeInt32BE(bytes + 1, this.#length)
    // The version of the format.
    this.#buffer[this.#length + 4] = 1
    this.#length += 5 + bytes
    return this
  }

  /** Plain decimal digits, with a minus and a point or without. */
  numeric(text: string | null): this {
    if (text === null) return this.null()
    const { weight, digits, isNegative, scale } = numericParts(text)
    this.#reserve(12 + digits.length * 2)
    this.#length = this.#buffer.writeInt32BE(8 + digits.length * 2, this.#length)
    for (const part of [digits.length, weight, isNegative ? NEGATIVE : 0, scale, ...digits]) {
      this.#length = this.#buffer.writeInt16BE(part, this.#length)
    }
    return this
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

const NEGATIVE = 0x4000
const DIGITS_PER_GROUP = 4

// A numeric is kept as groups of four digits; the weight is the power of 10,000 of the first.
function numericParts(text: string): { weight: number; digits: number[]; isNegative: boolean; scale: number } {
  const isNegative = text.startsWith('-')
  const [whole = '', fraction = ''] = (isNegative ? text.slice(1) : text).split('.')
  const groups = Math.ceil(whole.length / DIGITS_PER_GROUP)
  const padded =
    whole.padStart(groups * DIGITS_PER_GROUP, '0') +
    fraction.padEnd(Math.ceil(fraction.length / DIGITS_PER_GROUP) * DIGITS_PER_GROUP, '0')
  const digits = (padded.match(/\d{4}/g) ?? []).map(Number)
  return { weight: groups - 1, digits, isNegative, scale: fraction.length }
}
