import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { createConnection, createPool } from '../db/connection.ts'
import { openQueueBackend, type QueueBackend } from '../queues/backend.ts'
import { Producer } from '../queues/producer.ts'
import { usageJobId } from '../queues/usage-backlog.ts'
import type { Config } from '../shared/config.ts'
import { webhookSettings } from '../shared/webhooks/webhook-settings.ts'
import type { ApiContext } from './context.ts'
import { ingestBounds } from './events/ingest-bounds.ts'
import { IngestBuffer } from './events/ingest-buffer.ts'
import { IngestGate } from './events/ingest-gate.ts'
import { OrganizationClock } from './events/organization-clock.ts'
import { OpenBodies } from './open-bodies.ts'
import { createServer } from './server.ts'

const MEBIBYTE = 1024 * 1024

/** A web process that answers requests. */
export interface WebProcess {
  /** Where it listens; with port 0 in the configuration, the port that was free. */
  readonly url: string
  readonly server: FastifyInstance
  /** Answers what has begun, makes durable what was taken in, and lets go of everything. The second time does nothing. */
  stop(): Promise<void>
}

/** Opens the database and the queues and starts to listen. Throws when any of them cannot be had. */
export async function startWebProcess(config: Config, logger: Logger): Promise<WebProcess> {
  const { databaseUrl, databasePoolMax: max } = config
  const pool = createPool({ url: databaseUrl, role: 'tabkeeper_app', max, name: 'web', pipeline: true })
  const backend = await openQueueBackend(config, pool)
  const producer = new Producer(backend)
  const context = createContext(config, pool, producer)
  const server = await createServer(context, logger)
  await server.listen({ host: config.host, port: config.port })
  const { port } = server.server.address() as AddressInfo
  const url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= stopAll({ server, context, backend, pool })
    return stopping
  }
  return { url, server, stop }
}

function createContext(config: Config, pool: DatabasePool, producer: Producer): ApiContext {
  const connection = createConnection(pool)
  return {
    connection,
    producer,
    bodies: new OpenBodies({
      maxHeldBytes: config.requestMaxHeldMb * MEBIBYTE,
      timeoutSeconds: config.requestTimeoutSeconds,
    }),
    ingestBuffer: new IngestBuffer(
      (payload) => producer.enqueue('aggregate-usage', payload, usageJobId(payload.count)),
      {
        maxHeldBytes: config.ingestMaxHeldMb * MEBIBYTE,
      },
    ),
    ingestGate: new IngestGate(ingestBounds(config, producer, connection)),
    organizationClock: new OrganizationClock(connection),
    secret: config.secret,
    webhooks: webhookSettings(config),
  }
}

type DatabasePool = ReturnType<typeof createPool>

interface Parts {
  readonly server: FastifyInstance
  readonly context: ApiContext
  readonly backend: QueueBackend
  readonly pool: DatabasePool
}

// In the order of dependence: who still waits for an answer first, what the answers need last.
async function stopAll({ server, context, backend, pool }: Parts): Promise<void> {
  await server.close()
  context.bodies.stop()
  await context.ingestBuffer.drain()
  await context.producer.close()
  await backend.close()
  await pool.end()
}
