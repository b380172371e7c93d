import { listDueNotes } from '../../db/billing/due-notes.ts'
import { type DueBy, type DueChunk, listDueDrafts, listDueSubscriptions } from '../../db/billing/due-work.ts'
import { realNow } from '../../db/clock.ts'
import type { Connection } from '../../db/connection.ts'
import type { Producer } from '../../queues/producer.ts'

const CHUNK = 1000

// An invoice waits for usage that was acknowledged and not yet counted. Real time does not wait long, because new
// usage never stops coming and a grace period covers the rest; a test clock is advanced to see everything billed.
const LIVE_WAIT_SECONDS = 60
const TEST_CLOCK_WAIT_SECONDS = 600

/**
 * Enqueues a job per organization for what is due. A chunk that is queued is not queued again; one that is done and yet
 * due is, and one that failed for good stays as a dead letter and is tried anew in the next hour, so that nothing stays
 * unbilled after a long outage.
 */
export async function findDueWork(connection: Connection, producer: Producer): Promise<number> {
  const now = realNow()
  const { bills, drafts } = await listCountedWork(connection, producer, now)
  const hour = now.toString().slice(0, 13)
  for (const { organizationId, ids, occasion } of bills) {
    await producer.enqueue(
      'issue-invoices',
      { task: 'issue', organizationId, subscriptionIds: [...ids] },
      `issue-${occasion}-${hour}`,
    )
  }
  for (const chunk of drafts.filter(({ organizationId }) => !isCatchingUp(bills, organizationId, now))) {
    const { organizationId, customerIds, ids, occasion } = chunk
    await producer.enqueue(
      'issue-invoices',
      { task: 'finalize', organizationId, customerIds: [...customerIds], invoiceIds: [...ids] },
      `finalize-${occasion}-${hour}`,
    )
  }
  const notes = await listDueNotes(connection, { now, limit: CHUNK })
  for (const { organizationId, ids, occasion } of notes) {
    await producer.enqueue(
      'issue-invoices',
      { task: 'note', organizationId, invoiceIds: [...ids] },
      `note-${occasion}-${hour}`,
    )
  }
  return bills.length + drafts.length + notes.length
}

interface DueWork {
  readonly bills: readonly DueChunk[]
  readonly drafts: readonly DueChunk[]
}

// The list comes before the count: usage that was acknowledged before something fell due is then either counted or seen
// to be waiting. The other way round, a clock moved in between would bill without it.
async function listCountedWork(connection: Connection, producer: Producer, now: Temporal.Instant): Promise<DueWork> {
  const work = await listDueWork(connection, { now, liveDelaySeconds: 0, testClockDelaySeconds: 0, limit: CHUNK })
  if (work.bills.length + work.drafts.length === 0 || (await producer.backlog('aggregate-usage')) === 0) return work
  return await listDueWork(connection, {
    now,
    liveDelaySeconds: LIVE_WAIT_SECONDS,
    testClockDelaySeconds: TEST_CLOCK_WAIT_SECONDS,
    limit: CHUNK,
  })
}

async function listDueWork(connection: Connection, due: DueBy): Promise<DueWork> {
  return { bills: await listDueSubscriptions(connection, due), drafts: await listDueDrafts(connection, due) }
}

// Numbers follow the order of issue. A clock that jumps makes bills of months and the ends of their grace due at once, so
// drafts wait for the bills; not for ever, because a bill that cannot be written must not hold up the others.
function isCatchingUp(bills: readonly DueChunk[], organizationId: number, now: Temporal.Instant): boolean {
  const clockMovedAt = bills.find((bill) => bill.organizationId === organizationId)?.clockMovedAt ?? null
  return clockMovedAt !== null && now.since(clockMovedAt).total('seconds') < TEST_CLOCK_WAIT_SECONDS
}
