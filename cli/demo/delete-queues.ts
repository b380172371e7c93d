import { Redis } from 'ioredis'

/** Deletes the queues whose keys begin with the prefix. */
export async function deleteQueues(redisUrl: string, prefix: string): Promise<void> {
  const redis = new Redis(redisUrl, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    for await (const keys of redis.scanStream({ match: `${prefix}:*` })) {
      if ((keys as string[]).length > 0) await redis.unlink(keys as string[])
    }
  } finally {
    redis.disconnect()
  }
}
