import { decimalOf } from '../json/exact-json.ts'

const EARLIEST_MICROS = Date.UTC(2000, 0) * 1000
const LATEST_MICROS = Date.UTC(2100, 0) * 1000

const ISO_WITH_OFFSET =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,30}))?\s?([Zz]|[+-]\d{2}:?\d{2}|[+-]\d{2})$/

/**
 * Microseconds since the epoch of an ISO 8601 time with an offset, or of seconds since 1970 (a number or its text,
 * fractions allowed). Digits beyond microseconds are cut off. Undefined for anything else, for times that do not
 * exist and for times outside the years 2000 to 2099.
 */
export function parseTimestampMicros(value: unknown): number | undefined {
  const micros = typeof value === 'string' && value.includes('-') ? isoMicros(value) : secondsMicros(value)
  return micros !== undefined && micros >= EARLIEST_MICROS && micros < LATEST_MICROS ? micros : undefined
}

function isoMicros(text: string): number | undefined {
  return usualIsoMicros(text) ?? anyIsoMicros(text)
}

// Nearly every event is stamped like 2026-03-01T12:00:00.123456Z; reading the digits in place costs a fraction of the slow way.
function usualIsoMicros(text: string): number | undefined {
  const { length } = text
  if (length < 20 || length > 27 || !isPunctuatedAsUsual(text)) return undefined
  const [year, month, day] = [digitsAt(text, 0, 4), digitsAt(text, 5, 7), digitsAt(text, 8, 10)]
  const [hour, minute, second] = [digitsAt(text, 11, 13), digitsAt(text, 14, 16), digitsAt(text, 17, 19)]
  // The 29th to 31st of a month may not exist, which only the slow way notices.
  if (!(year >= 1000 && month >= 1 && month <= 12 && day >= 1 && day <= 28)) return undefined
  if (!(hour < 24 && minute < 60 && second < 60)) return undefined
  const digits = Math.max(length - 21, 0)
  const fraction = digitsAt(text, 20, 20 + digits)
  if (length === 21 || Number.isNaN(fraction)) return undefined
  return (
    Date.UTC(year, month - 1, day, hour, minute, second) * 1000 + fraction * (TENS[MICRO_DIGITS - digits] as number)
  )
}

function isPunctuatedAsUsual(text: string): boolean {
  const last = text.length - 1
  return (
    text.charCodeAt(4) === HYPHEN &&
    text.charCodeAt(7) === HYPHEN &&
    text.charCodeAt(10) === LETTER_T &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON &&
    text.charCodeAt(19) === (last === 19 ? LETTER_Z : POINT) &&
    text.charCodeAt(last) === LETTER_Z
  )
}

const LETTER_T = 84
const LETTER_Z = 90
const HYPHEN = 45
const COLON = 58
const POINT = 46
const ZERO = 48
const MICRO_DIGITS = 6
const TENS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

/** The number whose digits stand from one place to another; NaN when anything else stands there. */
function digitsAt(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

function anyIsoMicros(text: string): number | undefined {
  const match = ISO_WITH_OFFSET.exec(text)
  if (match === null) return undefined
  const [, date = '', time = '', fraction = '', offset = ''] = match
  const seconds = `${date}T${time.length === 5 ? `${time}:00` : time}Z`
  const millis = Date.parse(seconds)
  // Date.parse rolls 31 February over to March; a time that does not print back as it was written does not exist.
  if (Number.isNaN(millis) || new Date(millis).toISOString().slice(0, 19) !== seconds.slice(0, 19)) return undefined
  const offsetMinutes = minutesOfOffset(offset)
  if (offsetMinutes === undefined) return undefined
  return (millis - offsetMinutes * 60_000) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

function minutesOfOffset(offset: string): number | undefined {
  if (offset === 'Z' || offset === 'z') return 0
  const hours = Number(offset.slice(1, 3))
  const minutes = Number(offset.slice(3).replace(':', '') || '0')
  if (hours > 23 || minutes > 59) return undefined
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

function secondsMicros(value: unknown): number | undefined {
  const seconds = decimalOf(value)
  return seconds === undefined ? undefined : seconds.times(1_000_000).trunc().toNumber()
}

/** The ISO text of microseconds since the epoch, to the microsecond, in UTC. */
export function isoOfMicros(micros: number): string {
  const second = Math.floor(micros / 1_000_000)
  return `${isoOfSecond(second)}.${String(micros - second * 1_000_000).padStart(6, '0')}Z`
}

const isoOfSeconds = new Map<number, string>()
const MOST_SECONDS = 1_000

// Events that come together are of a few seconds, and a calendar date is dear to write.
function isoOfSecond(second: number): string {
  const known = isoOfSeconds.get(second)
  if (known !== undefined) return known
  if (isoOfSeconds.size >= MOST_SECONDS) isoOfSeconds.clear()
  const text = new Date(second * 1000).toISOString().slice(0, -5)
  isoOfSeconds.set(second, text)
  return text
}

/** Microseconds since the epoch of an instant; a safe integer until the year 2255. */
export function microsOfInstant(instant: Temporal.Instant): number {
  return Number(instant.epochNanoseconds / 1000n)
}
