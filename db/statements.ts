import { CompiledQuery } from 'kysely'
import type { OrganizationTransaction } from './connection.ts'

/** Runs statements of the transaction that is under way; rows have the names that the statement gives them. */
export interface Statements {
  query<Row extends object>(text: string, values?: unknown[]): Promise<{ readonly rows: Row[] }>
}

/** The statements of a transaction that was begun by the query builder. */
export function statementsOf(transaction: OrganizationTransaction): Statements {
  // Its plugin would rename what the statements name themselves.
  const plain = transaction.withoutPlugins()
  return {
    query: async <Row extends object>(text: string, values: unknown[] = []) => ({
      rows: (await plain.executeQuery(CompiledQuery.raw(text, values))).rows as Row[],
    }),
  }
}
