import type { KnownTexts } from '../known-texts.ts'
import { parseExactJson } from './exact-json.ts'
import { CLOSE_LIST, CLOSE_OBJECT, COMMA, digitsAt, endOfDigits, OPEN_LIST, OPEN_OBJECT, QUOTE } from './plain-json.ts'

const BACKSLASH = 92
// Of more digits an integer may not be safe.
const MOST_DIGITS = 15

/** An object in the text of `JSON.stringify`, so without white space. */
interface ObjectText {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** Whether there is a number in it that a double would alter. */
  readonly holdsRawNumbers: boolean
}

/** Reads some fields of objects, by name, and passes over the others without parsing them. */
export class SelectedFields {
  readonly #fields: readonly { readonly name: string; readonly text: Buffer }[]
  readonly #texts: KnownTexts

  /** `texts` remembers those that are read. The name `__proto__` cannot be selected. */
  constructor(names: Iterable<string>, texts: KnownTexts) {
    this.#fields = Array.from(names, (name) => ({ name, text: Buffer.from(JSON.stringify(name)) }))
    this.#texts = texts
  }

  read(object: ObjectText): Record<string, unknown> {
    const { bytes, start, end } = object
    const read: Record<string, unknown> = {}
    let left = this.#fields.length
    for (let at = start + 1; left > 0 && at < end - 1; ) {
      const nameEnd = endOfString(bytes, at, end)
      // Behind the colon.
      const valueEnd = endOfValue(bytes, nameEnd + 1, end)
      const name = this.#find(bytes, at, nameEnd)
      if (name !== undefined) {
        read[name] = this.#value(object, nameEnd + 1, valueEnd)
        left -= 1
      }
      at = valueEnd + 1
    }
    return read
  }

  #find(bytes: Buffer, start: number, end: number): string | undefined {
    for (const { name, text } of this.#fields) {
      if (text.length === end - start && isSame(text, bytes, start)) return name
    }
    return undefined
  }

  #value({ bytes, holdsRawNumbers }: ObjectText, start: number, end: number): unknown {
    const first = bytes[start] as number
    if (first === QUOTE && !holdsByte(bytes, BACKSLASH, start, end)) return this.#texts.of(bytes, start + 1, end - 1)
    if (end - start <= MOST_DIGITS && endOfDigits(bytes, start) === end) return digitsAt(bytes, start, end)
    const text = bytes.toString('utf8', start, end)
    return holdsRawNumbers ? parseExactJson(text) : JSON.parse(text)
  }
}

function isSame(text: Buffer, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < text.length; index += 1) if (text[index] !== bytes[start + index]) return false
  return true
}

function holdsByte(bytes: Buffer, wanted: number, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] === wanted) return true
  return false
}

/** The place behind the string that begins at the quote given. Like the others it throws where the text breaks off. */
function endOfString(bytes: Buffer, quoteAt: number, end: number): number {
  let at = quoteAt + 1
  for (; at < end && bytes[at] !== QUOTE; at += 1) if (bytes[at] === BACKSLASH) at += 1
  return within(at + 1, end)
}

/** The place behind the value that begins at the place given. */
function endOfValue(bytes: Buffer, start: number, end: number): number {
  const first = bytes[start]
  if (first === QUOTE) return endOfString(bytes, start, end)
  if (first === OPEN_OBJECT || first === OPEN_LIST) return endOfNested(bytes, start, end)
  let at = start
  while (at < end && bytes[at] !== COMMA && bytes[at] !== CLOSE_OBJECT && bytes[at] !== CLOSE_LIST) at += 1
  return within(at, end)
}

function endOfNested(bytes: Buffer, start: number, end: number): number {
  let depth = 0
  let at = start
  do {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = endOfString(bytes, at, end)
      continue
    }
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth -= 1
    at += 1
  } while (depth > 0 && at < end)
  return within(at, end)
}

// Everything ends before the brace that closes the object.
function within(at: number, end: number): number {
  if (at < end) return at
  throw new RangeError('the text of an object breaks off')
}
