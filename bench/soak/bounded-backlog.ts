import { setTimeout as pause } from 'node:timers/promises'
import { readQueuedBatches } from '../ingest/counted.ts'
import type { BenchOrganization } from '../ingest/open-organization.ts'

const LOOK_MS = 100
const MOST_BATCHES = 50

/**
 * Holds senders while many batches wait to be counted. What comes in faster than it is counted is acknowledged all the
 * same, for minutes, so that only with a bounded backlog a rate is one that the service can keep.
 */
export async function* whileBacklogIsSmall<Request>(
  organization: Pick<BenchOrganization, 'client'>,
  requests: Iterable<Request>,
): AsyncGenerator<Request, void> {
  let lookAt = 0
  for (const request of requests) {
    while (performance.now() >= lookAt) {
      if ((await readQueuedBatches(organization)) > MOST_BATCHES) await pause(LOOK_MS)
      else lookAt = performance.now() + LOOK_MS
    }
    yield request
  }
}
