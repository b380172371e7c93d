import type { Pool } from 'pg'

// Creating a partition waits for running inserts, and two creations of one month must not race.
const PARTITION_LOCK = 7_282_533_702

const DAY_MICROS = 86_400_000_000

/** The months that event times fall into, each as `2026_11`. */
export function monthsOfMicros(timestampsMicros: Iterable<number>): ReadonlySet<string> {
  const days = new Set<number>()
  for (const micros of timestampsMicros) days.add(Math.floor(micros / DAY_MICROS))
  return new Set(Array.from(days, (day) => new Date(day * 86_400_000).toISOString().slice(0, 7).replace('-', '_')))
}

/** Creates the partitions of raw events for the months; those that exist stay as they are. */
export async function ensureUsagePartitions(pool: Pool, months: Iterable<string>): Promise<void> {
  for (const month of months) {
    const [year = 0, monthNumber = 0] = month.split('_').map(Number)
    const start = new Date(Date.UTC(year, monthNumber - 1)).toISOString()
    const end = new Date(Date.UTC(year, monthNumber)).toISOString()
    await pool.query(`
      do $$ begin
        perform pg_advisory_xact_lock(${PARTITION_LOCK});
        create table if not exists usage_events_${month} partition of usage_events for values from ('${start}') to ('${end}');
      end $$`)
  }
}
