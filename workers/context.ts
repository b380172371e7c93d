import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Connection } from '../db/connection.ts'
import type { QueueBackend } from '../queues/backend.ts'
import type { Producer } from '../queues/producer.ts'
import type { WebhookSettings } from '../shared/webhooks/webhook-settings.ts'

/** What every worker is given: one pool, one queue backend, one log. */
export interface WorkerContext {
  readonly pool: Pool
  readonly connection: Connection
  readonly backend: QueueBackend
  readonly producer: Producer
  readonly log: Logger
  readonly webhooks: WebhookSettings
}
