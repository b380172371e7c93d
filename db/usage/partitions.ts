import { sql } from 'kysely'
import type { Pool } from 'pg'
import type { Connection } from '../connection.ts'

const DAY_MICROS = 86_400_000_000

/** The months that event times fall into, each as `2026_11`. */
export function monthsOfMicros(timestampsMicros: Iterable<number>): ReadonlySet<string> {
  const days = new Set<number>()
  for (const micros of timestampsMicros) days.add(Math.floor(micros / DAY_MICROS))
  return new Set(Array.from(days, (day) => new Date(day * 86_400_000).toISOString().slice(0, 7).replace('-', '_')))
}

/** Creates the partitions of raw events for the months; those that exist stay as they are. */
export async function ensureUsagePartitions(pool: Pool, months: Iterable<string>): Promise<void> {
  for (const month of months) await pool.query('select ensure_usage_partition($1)', [firstDayOf(month)])
}

/** The same for the month of one time, in a transaction of its own. */
export async function ensureUsagePartitionAt(connection: Connection, at: Temporal.Instant): Promise<void> {
  await sql`select ensure_usage_partition(${at.toString()}::timestamptz::date)`.execute(connection)
}

function firstDayOf(month: string): string {
  return `${month.replace('_', '-')}-01`
}
