import type { Redis } from 'ioredis'
import { AppError } from '../shared/errors.ts'

/**
 * An event is acknowledged once it is in the queue, so the queue must keep it (law 1): append-only persistence, no
 * eviction, and a sync per write unless `everysec` was asked for. Throws with the setting to change.
 */
export async function requireDurableRedis(redis: Redis, durability: 'always' | 'everysec'): Promise<void> {
  await requireSetting(redis, 'appendonly', ['yes'])
  await requireSetting(redis, 'appendfsync', durability === 'always' ? ['always'] : ['always', 'everysec'])
  await requireSetting(redis, 'maxmemory-policy', ['noeviction'])
}

async function requireSetting(redis: Redis, name: string, accepted: readonly string[]): Promise<void> {
  const [, value] = (await redis.config('GET', name)) as [string, string]
  if (accepted.includes(value)) return
  const remedy =
    name === 'appendfsync' ? '; or set REDIS_DURABILITY=everysec to accept losing up to a second with the machine' : ''
  throw new AppError(
    'queue_unavailable',
    `Redis has ${name} ${value}; queues need ${name} ${accepted.join(' or ')}${remedy}`,
  )
}
