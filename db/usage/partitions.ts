import { sql } from 'kysely'
import { DAY_MICROS } from '../../shared/metering/buckets.ts'
import { monthOfDay, type UsageMonth } from '../archives/usage-month.ts'
import type { Connection } from '../connection.ts'
import type { Statements } from '../statements.ts'

/** The months that event times fall into. */
export function monthsOfMicros(timestampsMicros: Iterable<number>): ReadonlySet<UsageMonth> {
  const days = new Set<number>()
  for (const micros of timestampsMicros) days.add(Math.floor(micros / DAY_MICROS))
  return new Set(Array.from(days, monthOfDay))
}

/** Creates the partitions of raw events for the months; those that exist stay as they are. */
export async function ensureUsagePartitions(client: Statements, months: Iterable<UsageMonth>): Promise<void> {
  for (const month of months) await client.query('select ensure_usage_partition($1)', [`${month}-01`])
}

/** The same for the month of one time, in a transaction of its own. */
export async function ensureUsagePartitionAt(connection: Connection, at: Temporal.Instant): Promise<void> {
  await sql`select ensure_usage_partition(${at.toString()}::timestamptz::date)`.execute(connection)
}
