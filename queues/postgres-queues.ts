import { createPostgresBackend, type PostgresConnectionOptions } from 'bullmq'
import type { Pool } from 'pg'
import { isUnreachable } from '../shared/unreachable.ts'

type BackendFactory = typeof createPostgresBackend

/**
 * BullMQ's Postgres backend, made to outlive its server. By itself it remembers a failed start for ever, so a process
 * that was started while the server was starting would take jobs and never finish one.
 */
export const createLastingBackend: BackendFactory = (...parameters) => {
  const backend = createPostgresBackend(...parameters)
  const starting = backend as unknown as RememberedStart & { readonly connection: RememberedStart }
  for (const part of [starting.connection, starting]) forgetFailedStart(part)
  return backend
}

/**
 * The pool as the queues see it: whatever says that the server is away reads as a refused connection, the only sign of
 * it that BullMQ knows. On any other error it asks again without a pause, and leaves a job that is done unfinished.
 * Its commands are prepared, because they are the same few all day, and parsing one takes as long as many take to run.
 */
export function poolOfQueues(pool: Pool): PostgresConnectionOptions {
  const query = async (text: string, values: unknown[]) => {
    try {
      return await runCommand(pool, text, values)
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

const names = new Map<string, string>()
// More than BullMQ has commands: what it should ever put together by itself is not kept without an end.
const MOST_PREPARED = 200
const FEATURE_NOT_SUPPORTED = '0A000'

async function runCommand(pool: Pool, text: string, values: unknown[]) {
  if (!names.has(text) && names.size < MOST_PREPARED) names.set(text, `queues_${names.size}`)
  const name = names.get(text)
  if (name === undefined) return await pool.query(text, values)
  try {
    return await pool.query({ name, text, values })
  } catch (error) {
    // So Postgres refuses a plan, before anything is done, whose columns are others since a newer BullMQ has migrated.
    if ((error as { code?: string }).code !== FEATURE_NOT_SUPPORTED) throw error
    return await pool.query(text, values)
  }
}

interface RememberedStart {
  readyPromise: Promise<void> | undefined
  waitUntilReady(): Promise<void>
}

function forgetFailedStart(part: RememberedStart): void {
  const waitUntilReady = part.waitUntilReady.bind(part)
  part.waitUntilReady = async () => {
    try {
      await waitUntilReady()
    } catch (error) {
      part.readyPromise = undefined
      throw asRefused(error)
    }
  }
}

function asRefused(error: unknown): unknown {
  if (!isUnreachable(error)) return error
  const { message } = error as Error
  return Object.assign(new Error(message, { cause: error }), { code: 'ECONNREFUSED' })
}
