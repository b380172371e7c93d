import { type Processor, Queue, type QueueOptions, Worker, type WorkerOptions } from 'bullmq'
import { Redis } from 'ioredis'
import type { Pool } from 'pg'
import type { Config } from '../shared/config.ts'
import { MAX_BACKOFF_MS } from './contracts.ts'
import { createLastingBackend, poolOfQueues } from './postgres-queues.ts'
import { requireDurableRedis } from './redis-durability.ts'

/** Where the queues live. The same queues and workers run on either. */
export interface QueueBackend {
  readonly kind: 'postgres' | 'redis'
  createQueue(name: string, options?: Partial<QueueOptions>): Queue
  createWorker(name: string, processor: Processor, options?: Partial<WorkerOptions>): Worker
  close(): Promise<void>
}

/** Opens the backend that the configuration names. Throws when a Redis there does not keep what it accepts. */
export async function openQueueBackend(config: Config, pool: Pool): Promise<QueueBackend> {
  return config.redisUrl === undefined ? postgresBackend(pool) : await redisBackend(config.redisUrl, config)
}

function postgresBackend(pool: Pool): QueueBackend {
  // BullMQ describes a pool and its own classes per backend by structural types that `pg` and each other do not meet
  // to the letter; the classes are the same at run time.
  const connection = poolOfQueues(pool)
  // Every queue and worker listens for the pool's errors, and there is a fixed number of them.
  pool.setMaxListeners(0)
  return {
    kind: 'postgres',
    createQueue: (name, options) =>
      new Queue(name, { ...(options as object), connection }, createLastingBackend) as unknown as Queue,
    createWorker: (name, processor, options) =>
      new Worker(
        name,
        processor,
        { ...WORKER_OPTIONS, ...(options as object), connection },
        createLastingBackend,
      ) as unknown as Worker,
    close: async () => undefined,
  }
}

async function redisBackend(url: string, { redisDurability, redisPrefix: prefix }: Config): Promise<QueueBackend> {
  // BullMQ blocks on this connection and asks for unlimited retries per request.
  const connection = new Redis(url, { maxRetriesPerRequest: null })
  connection.on('error', () => undefined)
  try {
    await requireDurableRedis(connection, redisDurability)
  } catch (error) {
    connection.disconnect()
    throw error
  }
  return {
    kind: 'redis',
    createQueue: (name, options) => new Queue(name, { ...options, connection, prefix }),
    createWorker: (name, processor, options) =>
      new Worker(name, processor, { ...WORKER_OPTIONS, ...options, connection, prefix }),
    close: async () => {
      // A goodbye to a server that is away would wait until it is back.
      if (connection.status === 'ready') await connection.quit()
      else connection.disconnect()
    },
  }
}

const WORKER_OPTIONS = {
  // A worker that was killed never renews its lock; its jobs are taken up again after this long.
  lockDuration: 10_000,
  stalledInterval: 2_500,
  // A job is not to blame for the death of its worker: effects are exactly once, so it may always run again.
  maxStalledCount: 1000,
  // Without a pause a lost connection would be asked for jobs in a tight loop.
  runRetryDelay: 500,
  settings: {
    backoffStrategy: (attemptsMade: number, _type?: string, _error?: Error, job?: { opts: { backoff?: unknown } }) =>
      Math.min(firstDelayMs(job?.opts.backoff) * 2 ** Math.min(attemptsMade - 1, 20), MAX_BACKOFF_MS),
  },
} satisfies Partial<WorkerOptions>

function firstDelayMs(backoff: unknown): number {
  return typeof backoff === 'object' && backoff !== null && 'delay' in backoff ? Number(backoff.delay) : 100
}
