import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import { assert } from '../shared/errors.ts'

/** The text of a statement that a connection parses once, and plans once where one plan is as good for all values. */
export type PreparedText = string & { readonly isPrepared: true }

const names = new Map<string, string>()

/**
 * Marks a statement that is run so often that planning it would cost more than running it. Only for constants of a
 * module, because a connection keeps each as long as it lives. Columns are named: a `*` fails once a migration adds one.
 */
export function prepared(text: string): PreparedText {
  names.set(text, `prepared_${names.size}`)
  return text as PreparedText
}

/** The pool as the query builder uses it, by which statements that are prepared have their names. */
export function preparingPool(pool: Pool): PostgresPool {
  const clients = new WeakMap<PoolClient, PostgresPoolClient>()
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => clients.getOrInsertComputed(await pool.connect(), preparing),
  }
}

function preparing(client: PoolClient): PostgresPoolClient {
  // Cursors, which the builder also knows, are made without it.
  const query = (text: unknown, values: readonly unknown[] = []): unknown => {
    assert(typeof text === 'string', 'the query builder asks for a cursor')
    return client.query({ name: names.get(text), text, values: [...values] })
  }
  return { query: query as PostgresPoolClient['query'], release: (destroy) => client.release(destroy) }
}
