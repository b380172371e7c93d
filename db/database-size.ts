import { sql } from 'kysely'
import type { Connection } from './connection.ts'

/** The bytes that the files of the database take, indexes and queues included. */
export async function readDatabaseBytes(connection: Connection): Promise<number> {
  const { rows } = await sql<{ bytes: string }>`select pg_database_size(current_database()) as bytes`.execute(
    connection,
  )
  return Number(rows[0]?.bytes)
}
