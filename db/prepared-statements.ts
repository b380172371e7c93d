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

const opening = new Set<string>()

/** Marks a prepared statement that only sets what those after it run under, so that nobody has to wait for its answer. */
export function preparedOpening(text: string): PreparedText {
  opening.add(text)
  return prepared(text)
}

/**
 * The pool as the query builder uses it, by which statements that are prepared have their names. On connections that
 * pipeline, a transaction waits neither for its beginning nor, where it only reads, for its end: what went wrong in the
 * beginning is what its next statement throws, and nothing can be lost by an end that changes nothing.
 */
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
  const query = (text: unknown, values?: readonly unknown[]): unknown => run(client, text, values)
  return { query: query as PostgresPoolClient['query'], release: (destroy) => client.release(destroy) }
}

function pipelining(client: PoolClient): PostgresPoolClient {
  let ahead: Promise<unknown>[] = []
  let onlyReads = false
  const query = (text: unknown, values?: readonly unknown[]): unknown => {
    const begins = text === 'begin' || text === BEGINS_TO_READ
    if (begins) onlyReads = text === BEGINS_TO_READ
    const answer = run(client, text, values)
    if (begins || opening.has(text as string)) {
      // Who runs the next statement is told; until then it is nobody's.
      answer.catch(() => undefined)
      ahead.push(answer)
      return NO_ROWS
    }
    const all = ahead.length === 0 ? answer : Promise.all([...ahead, answer]).then((answers) => answers.at(-1))
    ahead = []
    if (text !== 'commit' || !onlyReads) return all
    all.catch(() => undefined)
    return { ...NO_ROWS, command: 'COMMIT' }
  }
  return { query: query as PostgresPoolClient['query'], release: (destroy) => client.release(destroy) }
}

// As the query builder writes it.
const BEGINS_TO_READ = 'start transaction read only'
const NO_ROWS = { command: 'BEGIN', rowCount: 0, rows: [] }

// Cursors, which the builder also knows, are made without it.
function run(client: PoolClient, text: unknown, values: readonly unknown[] = []): Promise<unknown> {
  assert(typeof text === 'string', 'the query builder asks for a cursor')
  return client.query({ name: names.get(text), text, values: [...values] })
}
