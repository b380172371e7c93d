import { copyBytes } from '../copy-bytes.ts'

/*
 * Plain JSON is text whose bytes can be taken as they are, because reading and writing it would give the same: strings
 * without escapes but the short ones, numbers that a double keeps and prints as they were written, names of fields that
 * sort by their bytes. Nearly all that programs send is plain, and reading it in place leaves nothing to collect. Whatever
 * is not is left to the parser, so nothing here says why.
 */

/** What is answered where text is not plain, or no JSON. */
export const NOT_PLAIN = -1

export const QUOTE = 34
export const COMMA = 44
export const COLON = 58
export const OPEN_LIST = 91
export const CLOSE_LIST = 93
export const OPEN_OBJECT = 123
export const CLOSE_OBJECT = 125

const SPACE = 32
const BACKSLASH = 92
const SLASH = 47
const MINUS = 45
const POINT = 46
const ZERO = 48
const NINE = 57
const FIRST_ASCII = 32
const LAST_ASCII = 127

/** The place of the first byte from a place on that is no white space. */
export function afterSpace(bytes: Uint8Array, from: number): number {
  let at = from
  for (let byte = bytes[at]; byte === SPACE || byte === 10 || byte === 13 || byte === 9; byte = bytes[at]) at += 1
  return at
}

/** The place of the quote that ends the string which a quote at the place given begins; it must have no escapes. */
export function endOfName(bytes: Uint8Array, quoteAt: number): number {
  for (let at = quoteAt + 1; at < bytes.length; at += 1) {
    const byte = bytes[at] as number
    if (byte === QUOTE) return at
    if (byte < FIRST_ASCII || byte === BACKSLASH) return NOT_PLAIN
  }
  return NOT_PLAIN
}

/** Whether there are only ASCII characters from a place to before another. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((bytes[at] as number) > LAST_ASCII) return false
  return true
}

/** Whether the literal stands at the place. */
export function standsAt(bytes: Uint8Array, at: number, literal: Uint8Array): boolean {
  for (let index = 0; index < literal.length; index += 1) if (bytes[at + index] !== literal[index]) return false
  return true
}

const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
export const NULL = Buffer.from('null')

/** The place behind a number that begins at the place given. Whether its text is all of it, what follows tells. */
function endOfNumber(bytes: Uint8Array, start: number): number {
  const first = bytes[start] === MINUS ? start + 1 : start
  const wholeEnd = endOfDigits(bytes, first)
  const isZero = bytes[first] === ZERO
  if (wholeEnd === first || (isZero && wholeEnd > first + 1)) return NOT_PLAIN
  // Negative zero is printed without its sign.
  if (bytes[wholeEnd] !== POINT)
    return wholeEnd - first > MOST_DIGITS || (isZero && first > start) ? NOT_PLAIN : wholeEnd
  const end = endOfDigits(bytes, wholeEnd + 1)
  if (end === wholeEnd + 1 || bytes[end - 1] === ZERO || end - first > MOST_DIGITS) return NOT_PLAIN
  return isZero && isTiny(bytes, wholeEnd + 1) ? NOT_PLAIN : end
}

// Every decimal of at most fifteen digits is printed as it was read. A point counts as one, which gives little away.
const MOST_DIGITS = 15
const DECIMALS_WITHOUT_EXPONENT = 6

// From there on a double is printed with an exponent.
function isTiny(bytes: Uint8Array, fraction: number): boolean {
  for (let at = fraction; at < fraction + DECIMALS_WITHOUT_EXPONENT; at += 1) if (bytes[at] !== ZERO) return false
  return true
}

/** The place of the first byte from a place on that is no digit. */
export function endOfDigits(bytes: Uint8Array, from: number): number {
  let at = from
  while ((bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at += 1
  return at
}

/** The number whose digits stand from one place to before another; not a number when anything else stands there. */
export function digitsAt(bytes: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let at = start; at < end; at += 1) {
    const digit = (bytes[at] as number) - ZERO
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

const CAPACITY = 16_384
/** Of all objects that are open at a time. */
const MOST_FIELDS = 512
const FEW_FIELDS = 32
const MOST_DEPTH = 8
/** Of each field of an object that is being written: where it begins, where its name ends, where it ends. */
const MARKS = 3

/**
 * Writes plain JSON in its canonical form: without white space, the fields of each object in the order of their names.
 * It is the text that `JSON.stringify` makes of the parsed value with its keys sorted.
 */
export class CanonicalJson {
  /** What was written; valid until the next time. */
  readonly bytes = Buffer.alloc(CAPACITY)
  /** How many fields and items of lists were written since somebody set it. */
  pieces = 0
  readonly #sorted = Buffer.alloc(CAPACITY)
  readonly #marks = new Int32Array(MOST_FIELDS * MARKS)
  readonly #order = new Int32Array(FEW_FIELDS)
  #fields = 0
  #length = 0

  /** How many bytes were written. */
  get length(): number {
    return this.#length
  }

  clear(): void {
    this.#length = 0
    this.#fields = 0
  }

  /** Writes the object that begins at the place; answers with the place behind it. */
  writeObject(source: Buffer, at: number): number {
    this.clear()
    return source[at] === OPEN_OBJECT ? this.#object(source, at, MOST_DEPTH) : NOT_PLAIN
  }

  #value(source: Buffer, at: number, depthLeft: number): number {
    const byte = source[at] as number
    if (byte === QUOTE) return this.#string(source, at)
    if (byte === OPEN_OBJECT) return this.#object(source, at, depthLeft)
    if (byte === OPEN_LIST) return this.#list(source, at, depthLeft)
    const end = endOfScalar(source, at)
    return end === NOT_PLAIN ? NOT_PLAIN : this.#copy(source, at, end)
  }

  #object(source: Buffer, start: number, depthLeft: number): number {
    if (depthLeft === 0) return NOT_PLAIN
    const first = this.#fields
    this.#put(OPEN_OBJECT)
    let at = afterSpace(source, start + 1)
    if (source[at] !== CLOSE_OBJECT) {
      for (at = this.#field(source, at, depthLeft); source[at] === COMMA; ) {
        this.#put(COMMA)
        at = this.#field(source, afterSpace(source, at + 1), depthLeft)
      }
      if (source[at] !== CLOSE_OBJECT || !this.#sortFields(first)) return NOT_PLAIN
    }
    this.#fields = first
    this.#put(CLOSE_OBJECT)
    return this.#length > CAPACITY ? NOT_PLAIN : at + 1
  }

  /** Answers with the place of what follows the field. */
  #field(source: Buffer, at: number, depthLeft: number): number {
    if (source[at] !== QUOTE || this.#fields === MOST_FIELDS) return NOT_PLAIN
    const nameEnd = endOfName(source, at)
    if (nameEnd === NOT_PLAIN || !isSortable(source, at + 1, nameEnd)) return NOT_PLAIN
    const mark = this.#fields * MARKS
    this.#fields += 1
    this.pieces += 1
    this.#marks[mark] = this.#length
    if (this.#copy(source, at, nameEnd + 1) === NOT_PLAIN) return NOT_PLAIN
    this.#marks[mark + 1] = this.#length - 1
    const colon = afterSpace(source, nameEnd + 1)
    if (source[colon] !== COLON) return NOT_PLAIN
    this.#put(COLON)
    const end = this.#value(source, afterSpace(source, colon + 1), depthLeft - 1)
    this.#marks[mark + 2] = this.#length
    return end === NOT_PLAIN ? NOT_PLAIN : afterSpace(source, end)
  }

  #list(source: Buffer, start: number, depthLeft: number): number {
    if (depthLeft === 0) return NOT_PLAIN
    this.#put(OPEN_LIST)
    let at = afterSpace(source, start + 1)
    if (source[at] !== CLOSE_LIST) {
      for (at = this.#item(source, at, depthLeft); source[at] === COMMA; ) {
        this.#put(COMMA)
        at = this.#item(source, afterSpace(source, at + 1), depthLeft)
      }
      if (source[at] !== CLOSE_LIST) return NOT_PLAIN
    }
    this.#put(CLOSE_LIST)
    return this.#length > CAPACITY ? NOT_PLAIN : at + 1
  }

  #item(source: Buffer, at: number, depthLeft: number): number {
    this.pieces += 1
    const end = this.#value(source, at, depthLeft - 1)
    return end === NOT_PLAIN ? NOT_PLAIN : afterSpace(source, end)
  }

  #string(source: Buffer, quoteAt: number): number {
    this.#put(QUOTE)
    for (let at = quoteAt + 1; at < source.length; at += 1) {
      const byte = source[at] as number
      if (byte === BACKSLASH) {
        at += 1
        const escaped = source[at] as number
        if (escaped !== SLASH) {
          if (!SHORT_ESCAPES.includes(escaped)) return NOT_PLAIN
          this.#put(BACKSLASH)
        }
        this.#put(escaped)
        continue
      }
      if (byte < FIRST_ASCII) return NOT_PLAIN
      this.#put(byte)
      if (byte === QUOTE) return this.#length > CAPACITY ? NOT_PLAIN : at + 1
    }
    return NOT_PLAIN
  }

  /** Puts the fields of an object from the one given on in order; answers whether it did: not where a name is there twice. */
  #sortFields(first: number): boolean {
    const last = this.#fields - 1
    let isSorted = true
    for (let field = first; field < last; field += 1) {
      const order = this.#compareNames(field * MARKS, (field + 1) * MARKS)
      if (order === 0) return false
      if (order > 0) isSorted = false
    }
    return isSorted || this.#reorder(first)
  }

  #reorder(first: number): boolean {
    const [marks, order, count] = [this.#marks, this.#order, this.#fields - first]
    // Many are left to a sort that takes less than the square of their number.
    if (count > FEW_FIELDS) return false
    for (let field = 0; field < count; field += 1) {
      const mark = (first + field) * MARKS
      let place = field
      for (; place > 0 && this.#compareNames(order[place - 1] as number, mark) >= 0; place -= 1) {
        if (this.#compareNames(order[place - 1] as number, mark) === 0) return false
        order[place] = order[place - 1] as number
      }
      order[place] = mark
    }
    const start = marks[first * MARKS] as number
    let to = start
    for (let field = 0; field < count; field += 1) {
      const mark = order[field] as number
      if (field > 0) this.#sorted[to++] = COMMA
      to = copyBytes(this.bytes, marks[mark] as number, marks[mark + 2] as number, this.#sorted, to)
    }
    copyBytes(this.#sorted, start, to, this.bytes, start)
    return true
  }

  #compareNames(one: number, other: number): number {
    const [bytes, marks] = [this.bytes, this.#marks]
    const oneEnd = marks[one + 1] as number
    const otherEnd = marks[other + 1] as number
    let left = (marks[one] as number) + 1
    let right = (marks[other] as number) + 1
    for (; left < oneEnd && right < otherEnd; left += 1, right += 1) {
      const difference = (bytes[left] as number) - (bytes[right] as number)
      if (difference !== 0) return difference
    }
    return oneEnd - left - (otherEnd - right)
  }

  // Beyond the capacity nothing is written; who asked for it looks at the length.
  #put(byte: number): void {
    this.bytes[this.#length] = byte
    this.#length += 1
  }

  #copy(source: Buffer, start: number, end: number): number {
    if (this.#length + end - start > CAPACITY) return NOT_PLAIN
    this.#length = copyBytes(source, start, end, this.bytes, this.#length)
    return end
  }
}

/** Those that JSON writes as they were read: a quote, a backslash, and the letters b, f, n, r and t. */
const SHORT_ESCAPES: readonly number[] = Array.from('"\\bfnrt', (letter) => letter.charCodeAt(0))

function endOfScalar(source: Buffer, at: number): number {
  const byte = source[at] as number
  if (byte === TRUE[0]) return standsAt(source, at, TRUE) ? at + TRUE.length : NOT_PLAIN
  if (byte === FALSE[0]) return standsAt(source, at, FALSE) ? at + FALSE.length : NOT_PLAIN
  if (byte === NULL[0]) return standsAt(source, at, NULL) ? at + NULL.length : NOT_PLAIN
  return endOfNumber(source, at)
}

const PROTOTYPE = Buffer.from('__proto__')

// Other characters sort otherwise as UTF-16, names of digits stand first in an object, and one name is its prototype.
function isSortable(source: Buffer, start: number, end: number): boolean {
  const first = source[start] as number
  if (end === start || (first >= ZERO && first <= NINE)) return false
  if (end - start === PROTOTYPE.length && standsAt(source, start, PROTOTYPE)) return false
  return isAscii(source, start, end)
}
