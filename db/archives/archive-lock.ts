import type { Pool } from 'pg'

// Whoever compares or rebuilds must not have months vanish meanwhile.
const ARCHIVE_LOCK = 7_282_533_703

/**
 * Runs the work while nobody else archives or restores; `alone` also keeps those out who read what could be archived.
 * Answers undefined, without having run it, when that cannot be had now.
 */
export async function withArchiveLock<Result>(
  pool: Pool,
  mode: 'shared' | 'alone',
  work: () => Promise<Result>,
): Promise<{ readonly result: Result } | undefined> {
  const suffix = mode === 'shared' ? '_shared' : ''
  const client = await pool.connect()
  try {
    const { rows } = await client.query<{ locked: boolean }>(`select pg_try_advisory_lock${suffix}($1) as locked`, [
      ARCHIVE_LOCK,
    ])
    return rows[0]?.locked === true ? { result: await work() } : undefined
  } finally {
    // The lock goes with the connection, also when that has broken.
    client.release(true)
  }
}
