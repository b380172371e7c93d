import type { UnprocessedReason } from '../../db/schema.ts'
import { listRebuildingMetrics } from '../../db/usage/rebuild.ts'
import type { WorkerContext } from '../context.ts'
import { defineWorker, type JobOutcome } from '../worker-definition.ts'
import { listAfterEnd } from './list-after-end.ts'
import { rebuildPage } from './rebuild-page.ts'
import { resolveCustomers, retryUnprocessed } from './retry-unprocessed.ts'

/**
 * Counts stored events while ingestion goes on: those that were sent before their metric was defined, page by page, and
 * those that could not be counted and are to be tried again. Lists those that an end has cut off. Two jobs at once, so that a long rebuild holds up no retry.
 */
export const rebuildUsage = defineWorker({
  queue: 'rebuild-usage',
  concurrency: 2,
  schedule: { everyMs: 1000, payload: {} },
  open: (context) => async (payload) => {
    if (!('task' in payload)) return await rebuildMetrics(context)
    const { organizationId } = payload
    if (payload.task === 'resolve') {
      return { organizationId, resolved: await resolveCustomers(context, organizationId, payload.customerIds) }
    }
    if (payload.task === 'list-after-end') {
      return { organizationId, listed: await listAfterEnd(context.connection, organizationId, payload.subscriptionIds) }
    }
    const { reason, from, to, ...request } = payload
    const settled = await retryUnprocessed(context, organizationId, {
      ...request,
      reason: reason as UnprocessedReason | undefined,
      from: from === undefined ? undefined : Temporal.Instant.from(from),
      to: to === undefined ? undefined : Temporal.Instant.from(to),
    })
    return { organizationId, settled }
  },
})

async function rebuildMetrics({ pool }: WorkerContext): Promise<JobOutcome> {
  let pages = 0
  for (const { id, organizationId } of await listRebuildingMetrics(pool)) {
    while (await rebuildPage(pool, organizationId, id)) pages += 1
  }
  return { pages }
}
