import { flushCompileCache } from 'node:module'
import { pino } from 'pino'
import { createConnection, createPool } from '../db/connection.ts'
import { openQueueBackend } from '../queues/backend.ts'
import { Producer } from '../queues/producer.ts'
import { readConfig } from '../shared/config.ts'
import { STOP_WITHIN_MS } from '../shared/stopping.ts'
import { webhookSettings } from '../shared/webhooks/webhook-settings.ts'
import { giveWay } from './give-way.ts'
import { runWorker } from './run-worker.ts'
import { loadWorkers, WORKER_NAMES } from './workers.ts'

// Which processes exist is the Procfile's matter: each names its workers, none means all of them.
const named = process.argv.slice(2)
const names = WORKER_NAMES.filter((name) => named.length === 0 || named.includes(name))
const unknown = named.filter((name) => !(WORKER_NAMES as readonly string[]).includes(name))
if (unknown.length > 0) {
  console.error(`no such worker: ${unknown.join(', ')}; there are ${WORKER_NAMES.join(', ')}`)
  process.exit(1)
}

const config = readConfig(process.env)
const log = pino({ level: config.logLevel })
const pool = createPool({
  url: config.databaseUrl,
  role: 'tabkeeper_worker',
  max: config.databasePoolMax,
  name: named.join(' ') || 'workers',
})
// Somebody waits for every answer of `web`; what a worker does may come a moment later.
giveWay(pool)
const backend = await openQueueBackend(config, pool)
const connection = createConnection(pool)
const producer = new Producer(backend)
const context = { pool, connection, backend, producer, log, webhooks: webhookSettings(config) }
const workers = await loadWorkers(names)
const stops = await Promise.all(workers.map((worker) => runWorker(worker, context)))
// What was compiled is kept for the next start at once, because a process that is killed keeps nothing.
flushCompileCache()
log.info({ workers: named, queues: backend.kind }, 'working')

let stopping = false
async function stop(signal: string): Promise<void> {
  if (stopping) return
  stopping = true
  log.info({ signal }, 'finishing the running jobs')
  // What is cut short, or waits for a queue that is away, is taken up again later.
  setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref()
  await Promise.all(stops.map((stopWorker) => stopWorker()))
  await context.producer.close()
  await backend.close()
  await pool.end()
  process.exit(0)
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => void stop(signal))
}
