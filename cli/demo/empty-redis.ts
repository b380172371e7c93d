import { Redis } from 'ioredis'

const QUEUE_KEYS = 'bull:*'

/**
 * Throws unless the Redis holds no queues. Data that are new each run have nothing to do with the jobs of an older
 * database: the demo's workers would take them and lose them.
 */
export async function requireNoQueues(redisUrl: string): Promise<void> {
  await withRedis(redisUrl, async (redis) => {
    for await (const keys of redis.scanStream({ match: QUEUE_KEYS })) {
      if ((keys as string[]).length === 0) continue
      throw new Error(
        'REDIS_URL holds queues of another database: set its DATABASE_URL too, or name an empty Redis database.',
      )
    }
  })
}

/** Deletes the queues that the run has left in a Redis that held none before. */
export async function deleteQueues(redisUrl: string): Promise<void> {
  await withRedis(redisUrl, async (redis) => {
    for await (const keys of redis.scanStream({ match: QUEUE_KEYS })) {
      if ((keys as string[]).length > 0) await redis.unlink(keys as string[])
    }
  })
}

async function withRedis(redisUrl: string, work: (redis: Redis) => Promise<void>): Promise<void> {
  const redis = new Redis(redisUrl, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    await work(redis)
  } finally {
    redis.disconnect()
  }
}
