import { type DueChunk, listDueDrafts, listDueSubscriptions } from '../../db/billing/due-work.ts'
import { realNow } from '../../db/clock.ts'
import type { Connection } from '../../db/connection.ts'
import type { Producer } from '../../queues/producer.ts'

const CHUNK = 1000

// An invoice waits for usage that was acknowledged and not yet counted. Real time does not wait long, because new
// usage never stops coming and a grace period covers the rest; a test clock is advanced to see everything billed.
const LIVE_WAIT_SECONDS = 60
const TEST_CLOCK_WAIT_SECONDS = 600

/**
 * Enqueues a job per organization for what is due. A chunk that is queued is not queued again; one that failed for good
 * stays as a dead letter and is tried anew in the next hour, so that nothing stays unbilled after a long outage.
 */
export async function findDueWork(connection: Connection, producer: Producer): Promise<number> {
  const uncounted = (await producer.backlog('aggregate-usage')) > 0
  const due = {
    now: realNow(),
    liveDelaySeconds: uncounted ? LIVE_WAIT_SECONDS : 0,
    testClockDelaySeconds: uncounted ? TEST_CLOCK_WAIT_SECONDS : 0,
    limit: CHUNK,
  }
  const hour = due.now.toString().slice(0, 13)
  const bills = await listDueSubscriptions(connection, due)
  for (const { organizationId, ids, occasion } of bills) {
    await producer.enqueue(
      'issue-invoices',
      { task: 'issue', organizationId, subscriptionIds: [...ids] },
      `issue-${occasion}-${hour}`,
    )
  }
  const drafts = await listDueDrafts(connection, due)
  for (const chunk of drafts.filter(({ organizationId }) => !isBilling(bills, organizationId))) {
    const { organizationId, ids, occasion } = chunk
    await producer.enqueue(
      'issue-invoices',
      { task: 'finalize', organizationId, invoiceIds: [...ids] },
      `finalize-${occasion}-${hour}`,
    )
  }
  return bills.length + drafts.length
}

// Numbers follow the order of issue, so drafts wait while older bills of their organization are still to be written.
function isBilling(bills: readonly DueChunk[], organizationId: number): boolean {
  return bills.some((bill) => bill.organizationId === organizationId)
}
