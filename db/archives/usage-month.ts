/** A month of event times, in UTC, as `YYYY-MM`. */
export type UsageMonth = string

/** The month of a text, or undefined when it is none. */
export function parseUsageMonth(text: string): UsageMonth | undefined {
  return /^\d{4}-(?:0[1-9]|1[0-2])$/.test(text) ? text : undefined
}

/** Its first instant and that of the next month. */
export function boundsOfMonth(month: UsageMonth): { readonly start: Temporal.Instant; readonly end: Temporal.Instant } {
  const first = Temporal.PlainYearMonth.from(month)
  const startOf = (one: Temporal.PlainYearMonth) => Temporal.Instant.from(`${one.toString()}-01T00:00:00Z`)
  return { start: startOf(first), end: startOf(first.add({ months: 1 })) }
}

/** The name of the partition that holds the raw events of the month. */
export function partitionOfMonth(month: UsageMonth): string {
  return `usage_events_${month.replace('-', '_')}`
}

/** So many months from one on. */
export function monthsFrom(first: UsageMonth, count: number): readonly UsageMonth[] {
  const start = Temporal.PlainYearMonth.from(first)
  return Array.from({ length: count }, (_, index) => start.add({ months: index }).toString())
}

/** The month of a number of days since the epoch. */
export function monthOfDay(day: number): UsageMonth {
  return new Date(day * 86_400_000).toISOString().slice(0, 7)
}
