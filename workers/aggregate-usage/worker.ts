import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { EventRecords } from '../../db/usage/event-records.ts'
import { type Payload, QUEUES } from '../../queues/contracts.ts'
import { unpackUsage } from '../../queues/usage-payload.ts'
import { defineWorker } from '../worker-definition.ts'
import { BatchMerger } from './batch-merger.ts'
import { aggregateOrBisect } from './bisect.ts'
import { requireReceivedMicros, type UsageBatch } from './received-events.ts'

// Jobs of a thousand events are usual, and a backlog is worked off only in large transactions: with a third of this, one that
// came of a slow minute grew for ten.
const CONCURRENCY = 120

/** Stores, deduplicates and rolls up usage events; many queued jobs share one transaction. */
export const aggregateUsage = defineWorker({
  queue: 'aggregate-usage',
  concurrency: CONCURRENCY,
  open: ({ pool, log }) => {
    const slots = CONCURRENCY * QUEUES['aggregate-usage'].partitions
    const merger = new BatchMerger<PackedBatch>((batches) => aggregatePacked(pool, log, batches), slots)
    return async (batch) => {
      await merger.submit(batch)
      return { organizationId: batch.organizationId, events: batch.count }
    }
  },
})

type PackedBatch = Payload<'aggregate-usage'>
type Outcome = PromiseSettledResult<void>

/**
 * Aggregates payloads of one organization. Answers with an outcome for each; one that cannot be unpacked fails its own
 * job and no other.
 */
export async function aggregatePacked(
  pool: Pool,
  log: Logger,
  packed: readonly PackedBatch[],
): Promise<readonly Outcome[]> {
  const unpacked = await Promise.allSettled(packed.map(unpack))
  const batches = unpacked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const outcomes = [
    ...(await aggregateOrBisect(pool, log, { organizationId: packed[0]?.organizationId ?? 0, batches })),
  ]
  return unpacked.map((result) => (result.status === 'rejected' ? result : (outcomes.shift() as Outcome)))
}

async function unpack({ receivedAt, count, events }: PackedBatch): Promise<UsageBatch> {
  try {
    const records = EventRecords.read(unpackUsage(events), count)
    return { records, receivedMicros: requireReceivedMicros(receivedAt) }
  } catch (cause) {
    throw new Error('the payload cannot be unpacked', { cause })
  }
}
