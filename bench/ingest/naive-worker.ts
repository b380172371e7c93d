import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { NAIVE_QUEUE } from './naive-queue.ts'

// The pipeline people write first: one job per event, and in a transaction each one insert and one upsert.
const CONCURRENCY = 50

interface NaiveEvent {
  readonly transaction_id: string
  readonly external_customer_id: string
  readonly code: string
  readonly timestamp: string
  readonly properties: { readonly model: string; readonly tokens: number }
}

const pool = new Pool({
  connectionString: process.env['DATABASE_URL'] ?? '',
  max: CONCURRENCY,
  options: '-c search_path=tabkeeper',
})
const connection = new Redis(process.env['REDIS_URL'] ?? '', { maxRetriesPerRequest: null })
const worker = new Worker<NaiveEvent>(NAIVE_QUEUE, (job) => count(job.data), { connection, concurrency: CONCURRENCY })
process.once('SIGTERM', () => void stop())

async function count(event: NaiveEvent): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const { external_customer_id: customer, code, timestamp, properties } = event
    const inserted = await client.query({
      name: 'insert-event',
      text: `insert into naive_events (customer, transaction_id, code, at, properties) values ($1, $2, $3, $4, $5)
             on conflict do nothing`,
      values: [customer, event.transaction_id, code, timestamp, properties],
    })
    if (inserted.rowCount === 1) {
      await client.query({
        name: 'add-usage',
        text: `insert into naive_usage (customer, code, model, bucket, events, units)
               values ($1, $2, $3, date_bin('15 minutes', $4::timestamptz, 'epoch'), 1, $5)
               on conflict (customer, code, model, bucket) do update
                 set events = naive_usage.events + 1, units = naive_usage.units + excluded.units`,
        values: [customer, code, properties.model, timestamp, properties.tokens],
      })
    }
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}

async function stop(): Promise<void> {
  await worker.close()
  connection.disconnect()
  await pool.end()
}
