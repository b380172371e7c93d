import type { Pool } from 'pg'
import { until } from './faults-until.ts'

/** Holds up everything that writes to one table, so that a process can be caught in the middle of its transaction. */
export interface WriteBarrier {
  /** Resolves when a statement with this text waits at the barrier. */
  reached(statement: string): Promise<void>
  /** Lets them pass. The second time, and when the server has died meanwhile, nothing happens. */
  lift(): Promise<void>
}

/** Puts up a barrier before a table, qualified by its schema; writers that are under way finish first. */
export async function holdWritesTo(pool: Pool, table: string): Promise<WriteBarrier> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(`lock table ${table} in share mode`)
  } catch (error) {
    client.release(true)
    throw error
  }
  let isUp = true
  return {
    reached: async (statement) => {
      await until(`"${statement}" waits for ${table}`, () => isWaiting(pool, statement))
    },
    lift: async () => {
      if (!isUp) return
      isUp = false
      await client.query('rollback').then(
        () => client.release(),
        () => client.release(true),
      )
    },
  }
}

async function isWaiting(pool: Pool, statement: string): Promise<boolean> {
  const { rows } = await pool.query(
    `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()
       and query ilike '%' || $1 || '%'`,
    [statement],
  )
  return rows.length > 0
}
