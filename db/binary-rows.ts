import { copyBytes } from '../shared/copy-bytes.ts'
import { int32At, putInt16, putInt32, uint32At } from './big-endian.ts'

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')
const HEADER = Buffer.concat([SIGNATURE, Buffer.alloc(8)])

const MOST_BYTES_PER_UNIT = 3
const FEW_LETTERS = 32
const LAST_ASCII = 127
const END_OF_ROWS = 0xffff
const NO_BYTES = Buffer.alloc(0)
// Microseconds from 1970 to 2000, where Postgres begins to count.
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000
const TWO_TO_32 = 2 ** 32
const JSONB_VERSION = 1

/** From one place among bytes to before another. */
interface Stretch {
  readonly start: number
  readonly end: number
}

/**
 * Rows in the binary format of COPY, as the documentation of Postgres gives it. Each row is begun with the number of its
 * fields, which follow in the order of the columns; nothing tells the server their types, so each is put as the column
 * is declared.
 */
export class BinaryRows {
  readonly #firstBytes: number
  #buffer = NO_BYTES
  #length = 0

  /** Holds `firstBytes` at first, and grows as far as it has to. */
  constructor(firstBytes: number) {
    this.#firstBytes = firstBytes
  }

  /** Bytes that are not taken yet. */
  get length(): number {
    return this.#length
  }

  /** What was written since the last time; it is the caller's from now on. */
  take(): Buffer {
    const written = this.#buffer.subarray(0, this.#length)
    // A few bytes must not keep alive what was held for many.
    const taken = written.length < this.#buffer.length / 2 ? Buffer.from(written) : written
    this.#buffer = NO_BYTES
    this.#length = 0
    return taken
  }

  /** Before the first row. */
  begin(): this {
    return this.copy(HEADER, 0, HEADER.length)
  }

  row(fields: number): this {
    return this.uint16(fields)
  }

  /** After the last row. */
  end(): void {
    this.uint16(END_OF_ROWS)
  }

  /** Bytes that were written before, as they are: any number of fields. */
  copy(source: Buffer, start: number, end: number): this {
    this.#reserve(end - start)
    this.#length = copyBytes(source, start, end, this.#buffer, this.#length)
    return this
  }

  uint8(value: number): this {
    this.#reserve(1)
    this.#length = this.#buffer.writeUInt8(value, this.#length)
    return this
  }

  uint16(value: number): this {
    this.#reserve(2)
    this.#length = putInt16(this.#buffer, this.#length, value)
    return this
  }

  uint32(value: number): this {
    this.#reserve(4)
    this.#length = putInt32(this.#buffer, this.#length, value)
    return this
  }

  double(value: number): this {
    this.#reserve(8)
    this.#length = this.#buffer.writeDoubleBE(value, this.#length)
    return this
  }

  /** A number in the place of one that was written before and not taken yet. */
  replaceUint16(value: number, at: number): void {
    putInt16(this.#buffer, at, value)
  }

  replaceUint32(value: number, at: number): void {
    putInt32(this.#buffer, at, value)
  }

  /** As many bytes as given of a text whose characters stand for one each. */
  replaceBytes(latin1: string, bytes: number, at: number): void {
    this.#buffer.write(latin1, at, bytes, 'latin1')
  }

  /** What was written from one place to another, to be read at once: it is not the caller's. */
  written(start: number, end: number): Buffer {
    return this.#buffer.subarray(start, end)
  }

  /** Text of at most 65,535 bytes, after their number; no field. */
  shortText(text: string): this {
    this.#reserve(2 + text.length * MOST_BYTES_PER_UNIT)
    const bytes = this.#write(text, this.#length + 2)
    putInt16(this.#buffer, this.#length, bytes)
    this.#length += 2 + bytes
    return this
  }

  /** A field of as many bytes as given of a text whose characters stand for one each: cutting it first would cost more. */
  bytes(latin1: string, bytes: number): this {
    this.#reserve(4 + bytes)
    putInt32(this.#buffer, this.#length, bytes)
    this.#length += 4 + this.#buffer.write(latin1, this.#length + 4, bytes, 'latin1')
    return this
  }

  /** A field of text that stands in UTF-8 from one place to before another. */
  textFrom(source: Buffer, { start, end }: Stretch): this {
    this.#reserve(4 + end - start)
    putInt32(this.#buffer, this.#length, end - start)
    this.#length = copyBytes(source, start, end, this.#buffer, this.#length + 4)
    return this
  }

  /** The same as `shortText` of it. */
  shortTextFrom(source: Buffer, { start, end }: Stretch): this {
    this.#reserve(2 + end - start)
    putInt16(this.#buffer, this.#length, end - start)
    this.#length = copyBytes(source, start, end, this.#buffer, this.#length + 2)
    return this
  }

  null(): this {
    this.#reserve(4)
    this.#length = putInt32(this.#buffer, this.#length, -1)
    return this
  }

  integer(value: number): this {
    this.#reserve(8)
    putInt32(this.#buffer, this.#length, 4)
    this.#length = putInt32(this.#buffer, this.#length + 4, value)
    return this
  }

  bigint(value: bigint): this {
    const number = Number(value)
    if (Number.isSafeInteger(number)) return this.#safeInteger(number)
    this.#reserve(12)
    putInt32(this.#buffer, this.#length, 8)
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length + 4)
    return this
  }

  /** 32 hexadecimal digits. */
  uuid(digits: string): this {
    this.#reserve(20)
    putInt32(this.#buffer, this.#length, 16)
    this.#length += 4 + this.#buffer.write(digits, this.#length + 4, 'hex')
    return this
  }

  /** Microseconds since 1970, a safe integer, of a `timestamptz`. */
  timestamp(micros: number): this {
    return this.#safeInteger(micros - POSTGRES_EPOCH_MICROS)
  }

  text(value: string | null): this {
    if (value === null) return this.null()
    this.#reserve(4 + value.length * MOST_BYTES_PER_UNIT)
    const bytes = this.#write(value, this.#length + 4)
    putInt32(this.#buffer, this.#length, bytes)
    this.#length += 4 + bytes
    return this
  }

  /** JSON text. */
  jsonb(json: string): this {
    this.#reserve(5 + json.length * MOST_BYTES_PER_UNIT)
    const bytes = this.#write(json, this.#length + 5)
    putInt32(this.#buffer, this.#length, bytes + 1)
    this.#buffer[this.#length + 4] = JSONB_VERSION
    this.#length += 5 + bytes
    return this
  }

  /** JSON text that stands in UTF-8 from one place to before another. */
  jsonbFrom(source: Buffer, { start, end }: Stretch): this {
    this.#reserve(5 + end - start)
    putInt32(this.#buffer, this.#length, end - start + 1)
    this.#buffer[this.#length + 4] = JSONB_VERSION
    this.#length = copyBytes(source, start, end, this.#buffer, this.#length + 5)
    return this
  }

  /** Plain decimal digits, with a minus and a point or without. */
  numeric(text: string | null): this {
    if (text === null) return this.null()
    const { weight, digits, isNegative, scale } = numericParts(text)
    this.#reserve(12 + digits.length * 2)
    this.#length = putInt32(this.#buffer, this.#length, 8 + digits.length * 2)
    for (const part of [digits.length, weight, isNegative ? NEGATIVE : 0, scale, ...digits]) {
      this.#length = putInt16(this.#buffer, this.#length, part)
    }
    return this
  }

  // A field of 64 bits, in two halves.
  #safeInteger(value: number): this {
    this.#reserve(12)
    putInt32(this.#buffer, this.#length, 8)
    putInt32(this.#buffer, this.#length + 4, Math.floor(value / TWO_TO_32))
    this.#length = putInt32(this.#buffer, this.#length + 8, value >>> 0)
    return this
  }

  // A name is a few letters, which cost less one by one than a call that writes text of any kind.
  #write(text: string, at: number): number {
    if (text.length > FEW_LETTERS) return this.#buffer.write(text, at)
    for (let index = 0; index < text.length; index += 1) {
      const letter = text.charCodeAt(index)
      if (letter > LAST_ASCII) return this.#buffer.write(text, at)
      this.#buffer[at + index] = letter
    }
    return text.length
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#firstBytes, this.#buffer.length * 2, this.#length + bytes))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/** Microseconds since 1970 of the value of a `timestamptz`, as `timestamp` writes it behind its length. */
export function readTimestamp(bytes: Buffer, at: number): number {
  return int32At(bytes, at) * TWO_TO_32 + uint32At(bytes, at + 4) + POSTGRES_EPOCH_MICROS
}

/** Plain decimal digits of the value of a `numeric`, as `numeric` writes it behind its length. */
export function readNumeric(bytes: Buffer, at: number): string {
  const [count, weight, sign, scale] = [0, 2, 4, 6].map((offset) => bytes.readInt16BE(at + offset)) as Numeric
  const groups = Array.from({ length: count }, (_, group) => bytes.readInt16BE(at + 8 + 2 * group))
  const digits = groups.map((group) => String(group).padStart(DIGITS_PER_GROUP, '0')).join('')
  const wholeDigits = (weight + 1) * DIGITS_PER_GROUP
  const whole = digits.slice(0, wholeDigits).replace(/^0+(?=\d)/, '')
  const fraction = digits.slice(wholeDigits, wholeDigits + scale)
  return `${sign === NEGATIVE ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

type Numeric = [count: number, weight: number, sign: number, scale: number]

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
