import { listRebuildingMetrics } from '../../db/usage/rebuild.ts'
import { defineWorker } from '../worker-definition.ts'
import { rebuildPage } from './rebuild-page.ts'

/** Counts the events that were sent before their metric was defined, page by page, while ingestion goes on. */
export const rebuildUsage = defineWorker({
  queue: 'rebuild-usage',
  concurrency: 1,
  schedule: { everyMs: 1000, payload: {} },
  open:
    ({ pool }) =>
    async () => {
      let pages = 0
      for (const { id, organizationId } of await listRebuildingMetrics(pool)) {
        while (await rebuildPage(pool, organizationId, id)) pages += 1
      }
      return { pages }
    },
})
