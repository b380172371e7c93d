import { digitsAt, endOfDigits, NOT_PLAIN } from '../json/plain-json.ts'
import { isEventTime } from './timestamp.ts'

const HYPHEN = 45
const PLUS = 43
const POINT = 46
const COLON = 58
const LETTER_T = 84
const LETTER_Z = 90

// Where the fields of a time like 2026-03-01T12:00:00.123456Z or 2026-03-01T12:00:00+00:00 stand.
const SECONDS_END = 19
const OFFSET_LENGTH = 6
const MICRO_DIGITS = 6
const TENS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * The same as `parseTimestampMicros` of a text, from its bytes, for the two forms in which nearly all programs write a
 * time: to the second or with up to six decimals, and in UTC or with an offset of hours and minutes. `NOT_PLAIN` for any other.
 */
export function plainIsoMicros(bytes: Uint8Array, start: number, end: number): number {
  if (end - start <= SECONDS_END || !isPunctuated(bytes, start)) return NOT_PLAIN
  const [year, month, day] = [
    digitsAt(bytes, start, start + 4),
    digitsAt(bytes, start + 5, start + 7),
    digitsAt(bytes, start + 8, start + 10),
  ]
  const hour = digitsAt(bytes, start + 11, start + 13)
  const minute = digitsAt(bytes, start + 14, start + 16)
  const second = digitsAt(bytes, start + 17, start + SECONDS_END)
  // What is no number is not below anything. Years before 100 would be read as of the last century.
  if (!(year >= 1000 && day >= 1 && day <= daysOf(year, month) && hour < 24 && minute < 60 && second < 60))
    return NOT_PLAIN
  const fractionAt = start + SECONDS_END
  const zoneAt = bytes[fractionAt] === POINT ? endOfDigits(bytes, fractionAt + 1) : fractionAt
  const decimals = Math.max(zoneAt - fractionAt - 1, 0)
  if (decimals > MICRO_DIGITS || zoneAt === fractionAt + 1) return NOT_PLAIN
  const offsetMinutes = offsetAt(bytes, zoneAt, end)
  const fraction = digitsAt(bytes, fractionAt + 1, zoneAt) * (TENS[MICRO_DIGITS - decimals] as number)
  const micros = Date.UTC(year, month - 1, day, hour, minute - offsetMinutes, second) * 1000 + fraction
  return isEventTime(micros) ? micros : NOT_PLAIN
}

// Ten digits reach beyond the year 2099.
const MOST_SECONDS_DIGITS = 10

/** The same of a whole number of seconds since 1970. */
export function plainSecondsMicros(bytes: Uint8Array, start: number, end: number): number {
  const micros = end - start > MOST_SECONDS_DIGITS ? Number.NaN : digitsAt(bytes, start, end) * 1_000_000
  return isEventTime(micros) ? micros : NOT_PLAIN
}

function isPunctuated(bytes: Uint8Array, start: number): boolean {
  return (
    bytes[start + 4] === HYPHEN &&
    bytes[start + 7] === HYPHEN &&
    bytes[start + 10] === LETTER_T &&
    bytes[start + 13] === COLON &&
    bytes[start + 16] === COLON
  )
}

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0)
}

/** Minutes ahead of UTC of a zone that is all there is to the end; not a number where it is none. */
function offsetAt(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] === LETTER_Z) return end === at + 1 ? 0 : Number.NaN
  const sign = bytes[at] === PLUS ? 1 : bytes[at] === HYPHEN ? -1 : Number.NaN
  const [hours, minutes] = [digitsAt(bytes, at + 1, at + 3), digitsAt(bytes, at + 4, at + OFFSET_LENGTH)]
  const isOffset = end === at + OFFSET_LENGTH && bytes[at + 3] === COLON && hours < 24 && minutes < 60
  return isOffset ? sign * (hours * 60 + minutes) : Number.NaN
}
