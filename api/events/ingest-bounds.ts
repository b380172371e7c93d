import { statfs } from 'node:fs/promises'
import type { Connection } from '../../db/connection.ts'
import { readDatabaseBytes } from '../../db/database-size.ts'
import type { Producer } from '../../queues/producer.ts'
import { countQueuedEvents } from '../../queues/usage-backlog.ts'
import type { Config } from '../../shared/config.ts'
import { Gauge } from './gauge.ts'
import type { IngestBound, IngestBounds } from './ingest-gate.ts'

const MEBIBYTE = 1024 * 1024
const QUEUE_TIMES = { everyMs: 200, staleMs: 1_000 }
// A disk fills slowly compared to a queue, and its owner has to do something about it.
const STORAGE_TIMES = { everyMs: 5_000, staleMs: 60_000 }
const STORAGE_RETRY_AFTER_SECONDS = 30

/** The bounds that the configuration sets. */
export function ingestBounds(config: Config, producer: Producer, connection: Connection): IngestBounds {
  const { ingestMaxQueuedEvents, databaseFolder, databaseMinFreeMb, databaseMaxMb } = config
  return {
    queuedEvents: {
      gauge: new Gauge(() => countQueuedEvents(producer), QUEUE_TIMES),
      isReached: (events) => events >= ingestMaxQueuedEvents,
      reason: `${ingestMaxQueuedEvents} events or more wait to be counted`,
      retryAfterSeconds: 2,
    },
    storage: [
      ...(databaseFolder === undefined ? [] : [freeSpaceBound(databaseFolder, databaseMinFreeMb)]),
      ...(databaseMaxMb === undefined ? [] : [databaseSizeBound(connection, databaseMaxMb)]),
    ],
  }
}

function freeSpaceBound(folder: string, leastMb: number): IngestBound {
  return {
    gauge: new Gauge(() => readFreeBytes(folder), STORAGE_TIMES),
    isReached: (bytes) => bytes < leastMb * MEBIBYTE,
    reason: `less than ${leastMb} MiB are free where the database is`,
    retryAfterSeconds: STORAGE_RETRY_AFTER_SECONDS,
  }
}

function databaseSizeBound(connection: Connection, mostMb: number): IngestBound {
  return {
    gauge: new Gauge(() => readDatabaseBytes(connection), STORAGE_TIMES),
    isReached: (bytes) => bytes >= mostMb * MEBIBYTE,
    reason: `the database has reached its ${mostMb} MiB`,
    retryAfterSeconds: STORAGE_RETRY_AFTER_SECONDS,
  }
}

async function readFreeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
