import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import type { Pool } from 'pg'
import { inParallel } from '../../cli/demo/in-parallel.ts'
import { PROJECT_FOLDER, startProcess } from '../../cli/start/running-process.ts'
import { prepareEvents } from './events.ts'
import { createNaiveTables, requireNaivelyCounted } from './naive-tables.ts'

export const NAIVE_QUEUE = 'bench-naive'
const ADDS_IN_FLIGHT = 50

/**
 * Runs the naive pipeline: jobs are added one per event while a process of its own works on them. Answers the events
 * per second, from the first job to the end of the last. It is spared the HTTP requests.
 */
export async function runNaive(
  pool: Pool,
  { databaseUrl, redisUrl, count }: { databaseUrl: string; redisUrl: string; count: number },
): Promise<number> {
  const { texts, tally } = prepareEvents('naive', count, { metrics: 1, duplicates: 0, ofOneCustomer: 0 })
  const events = texts.map((text) => JSON.parse(text) as object)
  await createNaiveTables(pool)
  const worker = await startProcess({
    line: { name: 'naive', command: 'node', parameters: ['bench/ingest/naive-worker.ts'] },
    folder: PROJECT_FOLDER,
    environment: { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl },
    onLine: (text) => console.error(`naive: ${text}`),
  })
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null })
  const queue = new Queue(NAIVE_QUEUE, { connection })
  try {
    const startedAt = performance.now()
    await inParallel(events, ADDS_IN_FLIGHT, async (event) => {
      await queue.add('event', event, { removeOnComplete: true })
    })
    await untilEmpty(queue)
    const ms = performance.now() - startedAt
    await requireNaivelyCounted(pool, tally)
    return (count / ms) * 1000
  } finally {
    await worker.stop()
    await queue.obliterate({ force: true })
    await queue.close()
    connection.disconnect()
  }
}

async function untilEmpty(queue: Queue): Promise<void> {
  for (;;) {
    const { wait = 0, active = 0, failed = 0 } = await queue.getJobCounts('wait', 'active', 'failed')
    if (failed > 0) throw new Error(`${failed} jobs of the naive pipeline failed`)
    if (wait + active === 0) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
