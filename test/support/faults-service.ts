import { Pool } from 'pg'
import { type ApiClient, apiClient } from '../../cli/demo/api-client.ts'
import { createOrganization } from '../../db/organizations.ts'
import { openQueueBackend, type QueueBackend } from '../../queues/backend.ts'
import { partitionNames, type QueueName } from '../../queues/contracts.ts'
import { Producer } from '../../queues/producer.ts'
import { readConfig } from '../../shared/config.ts'
import { KillableRedis } from './faults-redis.ts'
import { startService, type TestService, type TestServiceOptions } from './processes.ts'
import { testRedisUrl } from './redis.ts'

/** The whole service with servers of its own, an organization in it, and a look behind its back. */
export interface FaultyService extends TestService {
  readonly apiKey: string
  readonly client: ApiClient
  /** The owner's connections; they survive what is killed. */
  readonly pool: Pool
  readonly producer: Producer
  /** Present when the queues are on Redis. */
  readonly redis: KillableRedis | undefined
  /** The jobs that a worker has taken and not finished. */
  listHeldJobs(name: QueueName): Promise<readonly HeldJob[]>
}

/** A job that a worker has taken. */
export interface HeldJob {
  readonly id: string
  readonly queue: ReturnType<Producer['queues']>[number]
}

/** Starts it with a Redis of its own when this run has its queues on Redis. Leaves nothing running when it rejects. */
export async function startFaultyService(options: TestServiceOptions = {}): Promise<FaultyService> {
  const redis = testRedisUrl() === undefined ? undefined : new KillableRedis()
  let service: TestService | undefined
  try {
    await redis?.start()
    const environment = { REDIS_URL: redis?.url ?? '', ...options.environment }
    service = await startService({ ...options, environment })
    return await lookBehind(service, redis, environment)
  } catch (error) {
    await service?.stop()
    await redis?.remove()
    throw error
  }
}

async function lookBehind(
  service: TestService,
  redis: KillableRedis | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<FaultyService> {
  const { apiKey } = await createOrganization(service.databaseUrl, { name: 'Faults', gracePeriodSeconds: 3600 })
  const pool = ownersPool(service.databaseUrl)
  const config = readConfig({ DATABASE_URL: service.databaseUrl, TABKEEPER_SECRET: 'x'.repeat(64), ...environment })
  const backend = await openQueueBackend(config, pool)
  const producer = new Producer(backend)
  return {
    ...service,
    apiKey,
    client: apiClient(service.url, apiKey),
    pool,
    producer,
    redis,
    listHeldJobs: (name) => listHeldJobs(producer, name),
    stop: () => stopAll({ service, producer, backend, pool, redis }),
  }
}

function ownersPool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: 6, options: '-c search_path=tabkeeper,bullmq' })
  // A connection that breaks while nobody uses it would end this process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

interface Parts {
  readonly service: TestService
  readonly producer: Producer
  readonly backend: QueueBackend
  readonly pool: Pool
  readonly redis: KillableRedis | undefined
}

// What looks on is closed first, so that it does not wait for servers that are gone.
async function stopAll({ service, producer, backend, pool, redis }: Parts): Promise<void> {
  try {
    await producer.close()
    await backend.close()
    await pool.end()
  } finally {
    await service.stop()
    await redis?.remove()
  }
}

async function listHeldJobs(producer: Producer, name: QueueName): Promise<HeldJob[]> {
  const queues = producer.queues().filter((queue) => partitionNames(name).includes(queue.name))
  const found = await Promise.all(
    queues.map(async (queue) => (await queue.getActive()).map(({ id }) => ({ queue, id: id ?? '' }))),
  )
  return found.flat()
}

/** Every process that the runner keeps, by name. */
export function pidsOf({ supervisor }: TestService): ReadonlyMap<string, number | undefined> {
  return new Map(supervisor.processes().map(({ name, pid }) => [name, pid]))
}
