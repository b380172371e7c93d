import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import { openQueueBackend } from '../../queues/backend.ts'
import { Producer } from '../../queues/producer.ts'
import { readConfig } from '../../shared/config.ts'

const POLL_MS = 100
const PATIENCE_MS = 120_000

/** Resolves when the service has nothing left to do but what its schedules will add. */
export async function untilSettled(pool: Pool, redisUrl: string | undefined): Promise<void> {
  const { connectionString } = pool.options
  // The secret signs and encrypts; nothing here does.
  const environment = { DATABASE_URL: connectionString, REDIS_URL: redisUrl, TABKEEPER_SECRET: 'bench' }
  const backend = await openQueueBackend(readConfig(environment), pool)
  const producer = new Producer(backend)
  try {
    const deadline = Date.now() + PATIENCE_MS
    while (await isBusy(pool, producer)) {
      if (Date.now() > deadline) throw new Error(`the service did not settle within ${PATIENCE_MS} ms`)
      await pause(POLL_MS)
    }
  } finally {
    await producer.close()
    await backend.close()
  }
}

async function isBusy(pool: Pool, producer: Producer): Promise<boolean> {
  const { rows } = await pool.query<{ busy: boolean }>(
    'select exists (select from outbox where relayed_at is null) as busy',
  )
  if (rows[0]?.busy !== false) return true
  const counts = await Promise.all(producer.queues().map((queue) => queue.getJobCounts('wait', 'active')))
  return counts.some(({ wait = 0, active = 0 }) => wait + active > 0)
}
