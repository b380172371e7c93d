import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Payload } from '../../queues/contracts.ts'
import { unpackUsageEvents } from '../../queues/usage-payload.ts'
import { defineWorker } from '../worker-definition.ts'
import { BatchMerger } from './batch-merger.ts'
import { aggregateOrBisect } from './bisect.ts'
import type { UsageBatch } from './usage-batch.ts'

/** Stores, deduplicates and rolls up usage events; many queued jobs share one transaction. */
export const aggregateUsage = defineWorker({
  queue: 'aggregate-usage',
  concurrency: 16,
  open: ({ pool, log }) => {
    const merger = new BatchMerger<PackedBatch>((batches) => aggregatePacked(pool, log, batches))
    return async (batch) => {
      await merger.submit(batch)
      return { organizationId: batch.organizationId, events: batch.count }
    }
  },
})

type PackedBatch = Payload<'aggregate-usage'>

/** Aggregates what can be unpacked; a payload that cannot fails its own job and no other. In the order given. */
export async function aggregatePacked(
  pool: Pool,
  log: Logger,
  packed: readonly PackedBatch[],
): Promise<readonly PromiseSettledResult<void>[]> {
  const unpacked = await Promise.allSettled(packed.map(async (batch) => unpack(batch)))
  const batches = unpacked.flatMap((batch) => (batch.status === 'fulfilled' ? [batch.value] : []))
  const outcomes = (await aggregateOrBisect(pool, log, batches)).values()
  return unpacked.map((batch) => (batch.status === 'rejected' ? batch : (outcomes.next().value ?? MISSING)))
}

const MISSING: PromiseRejectedResult = { status: 'rejected', reason: new Error('a batch was left without an outcome') }

function unpack({ organizationId, receivedAt, events }: PackedBatch): UsageBatch {
  return { organizationId, events: unpackUsageEvents(events).map((event) => ({ event, receivedAt })) }
}
