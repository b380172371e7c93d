import { realNow } from '../../db/clock.ts'
import { withOrganization } from '../../db/connection.ts'
import { listDueLifecycles, listSettledTestClocks } from '../../db/lifecycle/due-lifecycles.ts'
import { markTestClockReady } from '../../db/lifecycle/settle-test-clock.ts'
import { defineWorker } from '../worker-definition.ts'
import { applyTransitions } from './apply-transitions.ts'

const CHUNK = 500

/** Starts and ends subscriptions when their time has come, and lets a test clock rest when nothing is due any more. */
export const runLifecycle = defineWorker({
  queue: 'run-lifecycle',
  concurrency: 1,
  schedule: { everyMs: 1000, payload: {} },
  open:
    ({ connection, producer }) =>
    async () => {
      let transitions = 0
      for (const { organizationId, ids } of await listDueLifecycles(connection, { now: realNow(), limit: CHUNK })) {
        transitions += await withOrganization(connection, organizationId, (transaction) =>
          applyTransitions(transaction, organizationId, ids),
        )
      }
      let clocks = 0
      // Listed before the count, so that usage acknowledged before the clock was moved is counted when it rests.
      const settled = await listSettledTestClocks(connection)
      const uncounted = settled.length === 0 ? 0 : await producer.backlog('aggregate-usage')
      for (const { organizationId, id } of uncounted === 0 ? settled : []) {
        clocks += await withOrganization(connection, organizationId, (transaction) =>
          markTestClockReady(transaction, organizationId, id),
        )
      }
      return { transitions, clocks }
    },
})
