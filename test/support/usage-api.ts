import { pino } from 'pino'
import { expect, vi } from 'vitest'
import { createConnection, createPool } from '../../db/connection.ts'
import { openQueueBackend } from '../../queues/backend.ts'
import { Producer } from '../../queues/producer.ts'
import { webhookSettings } from '../../shared/webhooks/webhook-settings.ts'
import { aggregateUsage } from '../../workers/aggregate-usage/worker.ts'
import { runWorker } from '../../workers/run-worker.ts'
import { type ApiClient, startApi, type TestApi } from './api.ts'

/** The web process and the worker that counts what it accepts. */
export interface UsageApi {
  readonly api: TestApi
  /** Sends the events in one request and waits until they are counted. */
  send(client: ApiClient, events: readonly object[]): Promise<void>
  stop(): Promise<void>
}

export async function startUsageApi(): Promise<UsageApi> {
  const api = await startApi()
  const pool = createPool({ url: api.config.databaseUrl, role: 'tabkeeper_worker', max: 8 })
  const backend = await openQueueBackend(api.config, pool)
  const context = {
    pool,
    connection: createConnection(pool),
    backend,
    producer: new Producer(backend),
    log: pino({ level: 'silent' }),
    webhooks: webhookSettings(api.config),
  }
  const stopWorker = await runWorker(aggregateUsage, context)
  return {
    api,
    send: async (client, events) => {
      const answer = await client.post('/events/batch', { events })
      expect(answer.body).toMatchObject({ accepted: events.length })
      const counted = async () => expect((await client.get('/events/backlog')).body).toEqual({ queued_batches: 0 })
      await vi.waitFor(counted, { timeout: 10_000, interval: 20 })
    },
    stop: async () => {
      await stopWorker()
      await context.producer.close()
      await backend.close()
      await pool.end()
      await api.stop()
    },
  }
}
