import type { Pool } from 'pg'

// Creating a partition waits for running inserts, and two creations of one month must not race.
const PARTITION_LOCK = 7_282_533_702

/** The month of an event time, as `2026_11`. */
export function monthOfMicros(timestampMicros: number): string {
  return new Date(timestampMicros / 1000).toISOString().slice(0, 7).replace('-', '_')
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
