import { decimalOf } from '../json/exact-json.ts'

const EARLIEST_MICROS = Date.UTC(2000, 0) * 1000
const LATEST_MICROS = Date.UTC(2100, 0) * 1000

const ISO_WITH_OFFSET =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,30}))?\s?([Zz]|[+-]\d{2}:?\d{2}|[+-]\d{2})$/

/**
 * Microseconds since the epoch of an ISO 8601 time with an offset, or of seconds since 1970 (a number or its text,
 * fractions allowed). Digits beyond microseconds are cut off. A leap second counts as the last microsecond before it: the
 * epoch has none. Undefined for anything else, for times that do not exist and for times outside the years 2000 to 2099.
 */
export function parseTimestampMicros(value: unknown): number | undefined {
  const micros = typeof value === 'string' && value.includes('-') ? isoMicros(value) : secondsMicros(value)
  return micros !== undefined && isEventTime(micros) ? micros : undefined
}

/** Whether an event can have happened then: microseconds since the epoch, in the years 2000 to 2099. */
export function isEventTime(micros: number): boolean {
  return micros >= EARLIEST_MICROS && micros < LATEST_MICROS
}

function isoMicros(text: string): number | undefined {
  const match = ISO_WITH_OFFSET.exec(text)
  if (match === null) return undefined
  const [, date = '', time = '', fraction = '', offset = ''] = match
  const isLeapSecond = time.endsWith(':60') && time.length > 5
  const seconds = `${date}T${time.length === 5 ? `${time}:00` : time.replace(/:60$/, ':59')}Z`
  const millis = Date.parse(seconds)
  // Date.parse rolls 31 February over to March; a time that does not print back as it was written does not exist.
  if (Number.isNaN(millis) || new Date(millis).toISOString().slice(0, 19) !== seconds.slice(0, 19)) return undefined
  const offsetMinutes = minutesOfOffset(offset)
  if (offsetMinutes === undefined) return undefined
  const secondMicros = (millis - offsetMinutes * 60_000) * 1000
  if (isLeapSecond) return endsMonth(secondMicros) ? secondMicros + 999_999 : undefined
  return secondMicros + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

// RFC 3339 knows leap seconds at the end of a month only, in UTC.
function endsMonth(secondMicros: number): boolean {
  return new Date(secondMicros / 1000 + 1_000).toISOString().endsWith('-01T00:00:00.000Z')
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
