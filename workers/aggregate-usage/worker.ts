import type { Pool } from 'pg'
import type { Logger } from 'pino'
import type { Payload } from '../../queues/contracts.ts'
import { unpackUsageEvents } from '../../queues/usage-payload.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { defineWorker } from '../worker-definition.ts'
import { BatchMerger } from './batch-merger.ts'
import { aggregateOrBisect } from './bisect.ts'
import type { ReceivedEvent, UsageBatch } from './usage-batch.ts'

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

/** Answers with an outcome for each; a payload that cannot be unpacked fails its own job and no other. */
export async function aggregatePacked(
  pool: Pool,
  log: Logger,
  packed: readonly PackedBatch[],
): Promise<readonly PromiseSettledResult<void>[]> {
  return await aggregateOrBisect(pool, log, packed.map(unpacked))
}

// Unpacked anew each time that they are read, which is cheaper than to hold them.
function unpacked({ organizationId, receivedAt, events }: PackedBatch): UsageBatch {
  return { organizationId, events: { [Symbol.iterator]: () => readPacked(events, receivedAt) } }
}

function* readPacked(events: string, receivedAt: string): Generator<ReceivedEvent, void> {
  for (const event of unpack(events)) yield { event, receivedAt }
}

// Whatever is wrong with it is a fault of this content and not of the machinery.
function unpack(events: string): readonly UsageEvent[] {
  try {
    return unpackUsageEvents(events)
  } catch (cause) {
    throw new Error('the payload cannot be unpacked', { cause })
  }
}
