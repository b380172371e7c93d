import { sql } from 'kysely'
import type { Connection, OrganizationTransaction } from './connection.ts'

/**
 * Runs work that only reads, and that sees one state of the database all along, however long it takes. What it sees is kept
 * for it: until it ends, nothing that is deleted meanwhile can be cleared away.
 */
export async function inSnapshot<Result>(
  connection: Connection,
  work: (transaction: OrganizationTransaction) => Promise<Result>,
): Promise<Result> {
  return await connection
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (transaction) => {
      await sql`select set_config('statement_timeout', '0', true),
                       set_config('idle_in_transaction_session_timeout', '0', true)`.execute(transaction)
      return await work(transaction)
    })
}
