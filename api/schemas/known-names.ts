import { validationError } from '../../shared/errors.ts'
import { isCurrency } from '../../shared/money/currency.ts'

/** The currency of a body's field `currency`, when it exists. */
export function requireCurrencyCode(currency: string): string {
  if (isCurrency(currency)) return currency
  const msg = 'must be an ISO 4217 code in capital letters, such as USD'
  throw validationError([{ loc: ['body', 'currency'], msg, type: 'currency' }])
}

/** The zone of the field `time_zone`, when it exists; offsets such as +02:00 know no clock changes and do not. */
export function requireTimeZone(timeZone: string, place: 'body' | 'query' = 'body'): string {
  if (/^[A-Za-z]/.test(timeZone) && isTimeZone(timeZone)) return timeZone
  const msg = 'must be a name of the IANA time zone database, such as Europe/Berlin'
  throw validationError([{ loc: [place, 'time_zone'], msg, type: 'time_zone' }])
}

function isTimeZone(timeZone: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timeZone)
    return true
  } catch {
    return false
  }
}
