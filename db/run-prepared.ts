import { CompiledQuery } from 'kysely'
import type { OrganizationTransaction } from './connection.ts'
import type { PreparedText } from './prepared-statements.ts'

/** Runs a prepared statement; its rows have camelCase keys, and what is in JSON keeps its own. */
export async function runPrepared<Row extends object>(
  transaction: OrganizationTransaction,
  text: PreparedText,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  return (await transaction.executeQuery<Row>(CompiledQuery.raw(text, [...values]))).rows
}
