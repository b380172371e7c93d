/** The local date of an instant. */
export function localDate(at: Temporal.Instant, timeZone: string): Temporal.PlainDate {
  return at.toZonedDateTimeISO(timeZone).toPlainDate()
}

/**
 * The first instant of a local date: midnight, or the first moment of the day where a clock change skips midnight,
 * or the first of two where it repeats it.
 */
export function startOfDay(date: Temporal.PlainDate, timeZone: string): Temporal.Instant {
  return date.toZonedDateTime(timeZone).toInstant()
}

/** Whole local days from one date up to, and without, another; a day of 23 or 25 hours is one day. */
export function daysBetween(from: Temporal.PlainDate, until: Temporal.PlainDate): number {
  return from.until(until, { largestUnit: 'days' }).days
}

export function laterDate(one: Temporal.PlainDate, other: Temporal.PlainDate): Temporal.PlainDate {
  return Temporal.PlainDate.compare(one, other) < 0 ? other : one
}
