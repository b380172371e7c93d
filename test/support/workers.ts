import { pino } from 'pino'
import { createConnection, createPool } from '../../db/connection.ts'
import { openQueueBackend } from '../../queues/backend.ts'
import type { QueueName } from '../../queues/contracts.ts'
import { Producer } from '../../queues/producer.ts'
import type { Config } from '../../shared/config.ts'
import { webhookSettings } from '../../shared/webhooks/webhook-settings.ts'
import type { WorkerContext } from '../../workers/context.ts'
import { runWorker } from '../../workers/run-worker.ts'
import type { WorkerDefinition } from '../../workers/worker-definition.ts'
import { loadWorkers } from '../../workers/workers.ts'

/** Workers that take from the queues of the run, within the test's own process. */
export interface RunningWorkers {
  readonly context: WorkerContext
  stop(): Promise<void>
}

/** How often workers look for what has become due: so often that nobody waits for it, or as in service. */
type Pace = 'hurried' | 'of service'

const HURRIED_EVERY_MS = 100

/**
 * Starts workers by name, as the process of their line in the Procfile does. Whoever starts a queue's worker twice does
 * so at the pace of service: BullMQ on Postgres may lose a schedule that is set by one while the other takes its next
 * turn, and the shorter the turns, the likelier that is.
 */
export async function startWorkers(
  config: Config,
  names: readonly QueueName[],
  pace: Pace = 'hurried',
): Promise<RunningWorkers> {
  const pool = createPool({
    url: config.databaseUrl,
    role: 'tabkeeper_worker',
    max: config.databasePoolMax,
    name: 'test',
  })
  const backend = await openQueueBackend(config, pool)
  const context: WorkerContext = {
    pool,
    connection: createConnection(pool),
    backend,
    producer: new Producer(backend),
    log: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
    webhooks: webhookSettings(config),
  }
  const workers = await loadWorkers(names)
  const stops = await Promise.all(workers.map((worker) => runWorker(paced(worker, pace), context)))
  return {
    context,
    stop: async () => {
      await Promise.all(stops.map((stopWorker) => stopWorker()))
      await context.producer.close()
      await backend.close()
      await pool.end()
    },
  }
}

function paced(worker: WorkerDefinition, pace: Pace): WorkerDefinition {
  if (worker.schedule === undefined || pace === 'of service') return worker
  return { ...worker, schedule: { ...worker.schedule, everyMs: HURRIED_EVERY_MS } }
}
