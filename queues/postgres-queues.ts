import { createPostgresBackend, type PostgresConnectionOptions } from 'bullmq'
import type { Pool } from 'pg'
import { isUnreachable } from '../shared/unreachable.ts'

type BackendFactory = typeof createPostgresBackend

/**
 * BullMQ's Postgres backend, made to outlive its server. By itself it knows a lost server only by a refused connection:
 * after any other sign of one it no longer looks for jobs of killed workers, and a queue that was opened while the
 * server was starting never works again.
 */
export const createLastingBackend: BackendFactory = (...parameters) => {
  const backend = createPostgresBackend(...parameters)
  forgetFailedStart((backend as unknown as { connection: MemoizedStart }).connection)
  return backend
}

/** The pool as the queues see it: whatever says that the server is away reads as a refused connection. */
export function poolOfQueues(pool: Pool): PostgresConnectionOptions {
  const query = async (text: string, parameters: unknown[]) => {
    try {
      return await pool.query(text, parameters)
    } catch (error) {
      throw asRefused(error)
    }
  }
  // Methods must run on the pool itself: its books would be kept twice on a copy that inherits from it.
  return new Proxy(pool, {
    get: (target, name) => {
      if (name === 'query') return query
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as unknown as PostgresConnectionOptions
}

interface MemoizedStart {
  readyPromise: Promise<void> | undefined
  waitUntilReady(): Promise<void>
}

function forgetFailedStart(connection: MemoizedStart): void {
  const waitUntilReady = connection.waitUntilReady.bind(connection)
  connection.waitUntilReady = async () => {
    try {
      await waitUntilReady()
    } catch (error) {
      connection.readyPromise = undefined
      throw asRefused(error)
    }
  }
}

function asRefused(error: unknown): unknown {
  if (!isUnreachable(error)) return error
  const { message } = error as Error
  return Object.assign(new Error(message, { cause: error }), { code: 'ECONNREFUSED' })
}
