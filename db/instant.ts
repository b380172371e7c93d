import { type RawBuilder, sql } from 'kysely'

/** An instant as a value to compare a `timestamptz` column with. */
export function instantValue(instant: Temporal.Instant): RawBuilder<Temporal.Instant> {
  return sql<Temporal.Instant>`${instant.toString()}::timestamptz`
}
