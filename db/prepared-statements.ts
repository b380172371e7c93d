import type { PostgresPool, PostgresPoolClient } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import { assert } from '../shared/errors.ts'
import { PipelinedConnection } from './pipelined-connection.ts'

/** The text of a statement that a connection parses once, and plans once where one plan is as good for all values. */
export type PreparedText = string & { readonly isPrepared: true }

const names = new Map<string, string>()

/**
 * Marks a statement that is run so often that planning it would cost more than running it. Only for constants of a
 * module, because a connection keeps each as long as it lives. Columns are named: a `*` fails once a migration adds one.
 */
export function prepared(text: string): PreparedText {
  if (!names.has(text)) names.set(text, `prepared_${names.size}`)
  return text as PreparedText
}

const opening = new Set<string>()

/** Marks a prepared statement that only sets what those after it run under, so that nobody has to wait for its answer. */
export function preparedOpening(text: string): PreparedText {
  opening.add(text)
  return prepared(text)
}

/** The pool as the query builder uses it, by which statements that are prepared have their names. */
export function preparingPool(pool: Pool): PostgresPool {
  const clients = new WeakMap<PoolClient, PostgresPoolClient>()
  const prepare = pool.options.pipeline === true ? pipelining : preparing
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => clients.getOrInsertComputed(await pool.connect(), prepare),
  }
}

function preparing(client: PoolClient): PostgresPoolClient {
  return asBuilderSees({
    query: (text, values) => send(client, text, values),
    release: (destroy) => client.release(destroy),
  })
}

function pipelining(client: PoolClient): PostgresPoolClient {
  return asBuilderSees(
    new PipelinedConnection({
      client,
      send: (text, values) => send(client, text, values),
      opens: (text) => opening.has(text),
    }),
  )
}

async function send(client: PoolClient, text: string, values: readonly unknown[] = []): Promise<unknown> {
  assert(typeof text === 'string', 'the query builder asks for a cursor')
  return await client.query({ name: names.get(text), text, values: [...values] })
}

// Cursors, which the builder also knows, are made without it.
function asBuilderSees(client: {
  query(text: string, values?: readonly unknown[]): Promise<unknown>
  release(destroy: boolean): void
}): PostgresPoolClient {
  return client as PostgresPoolClient
}
