import { type RawBuilder, sql } from 'kysely'

/** A list as one array parameter; its type is cast where it stands. */
export function list<Value>(values: readonly Value[]): RawBuilder<unknown> {
  return sql`${values}`
}
