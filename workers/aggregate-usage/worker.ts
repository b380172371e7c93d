import { unpackUsageEvents } from '../../queues/usage-payload.ts'
import { defineWorker } from '../worker-definition.ts'
import { BatchMerger } from './batch-merger.ts'
import { aggregateOrBisect } from './bisect.ts'

/** Stores, deduplicates and rolls up usage events; many queued jobs share one transaction. */
export const aggregateUsage = defineWorker({
  queue: 'aggregate-usage',
  concurrency: 16,
  open: ({ pool, log }) => {
    const merger = new BatchMerger((batches) => aggregateOrBisect(pool, log, batches))
    return async ({ organizationId, receivedAt, events: packed }) => {
      const events = unpackUsageEvents(packed)
      await merger.submit({ organizationId, events: events.map((event) => ({ event, receivedAt })) })
      return { organizationId, events: events.length }
    }
  },
})
