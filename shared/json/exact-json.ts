import type { Exact } from '../money/decimal.ts'
import { parseDecimal } from '../money/decimal.ts'

/** A number that a double cannot hold as it was written; it keeps its source text and serializes back to it. */
export interface RawNumber {
  readonly rawJSON: string
}

// TypeScript's library does not know the JSON source text access proposal yet; the runtime does.
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): RawNumber
  isRawJSON(value: unknown): value is RawNumber
}

// A literal can only lose text when it has more digits than every double holds (16 for integers that start below 9,
// otherwise 15), ends in a zero after the point, has an exponent or is so small that a double is printed with one, or is
// negative zero. It stands between structural characters, or alone; what looks like that inside a string only costs time.
const MAY_LOSE_TEXT =
  /[:[,]\s*(?:-0|-?(?:\d{17,}|9\d{15}|(?=[\d.]{17})\d+\.\d+|\d+\.\d*0|0\.0{6}\d+|[\d.]+[eE][+-]?\d+))\s*[,}\]]/
const IS_NUMBER = /^\s*[-\d]/

/** Parses JSON without changing any number: literals that a double would alter come back as `RawNumber`. */
export function parseExactJson(text: string): unknown {
  if (!MAY_LOSE_TEXT.test(text) && !IS_NUMBER.test(text)) return JSON.parse(text)
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? json.rawJSON(source) : value,
  )
}

/** The number of a literal, which serializes back to it. */
export function rawNumber(text: string): RawNumber {
  return json.rawJSON(text)
}

export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value)
}

/** Whether a parsed JSON value is an object; a list, and a number kept as text, are none. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}

const MAX_NUMBER_LENGTH = 400
const MAX_EXPONENT = 300

/**
 * Whether a number may be kept in `jsonb`. Postgres writes numbers out in plain digits, so a few characters such as
 * `1e131071` would come back as 131,072 of them, and a larger exponent fails the statement.
 */
export function isStorableNumber({ rawJSON }: RawNumber): boolean {
  const [digits = '', exponent = '0'] = rawJSON.toLowerCase().split('e')
  return digits.length <= MAX_NUMBER_LENGTH && Math.abs(Number(exponent)) <= MAX_EXPONENT
}

/** The source text of a JSON number or numeric string; undefined for every other value. */
export function decimalText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  return isRawNumber(value) ? value.rawJSON : undefined
}

/** The exact decimal of a JSON number or numeric string; undefined when the value is neither. */
export function decimalOf(value: unknown): Exact | undefined {
  const text = decimalText(value)
  return text === undefined ? undefined : parseDecimal(text)
}
