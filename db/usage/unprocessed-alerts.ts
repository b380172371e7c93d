import { sql } from 'kysely'
import type { Connection, OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import type { UnprocessedReason } from '../schema.ts'

/** When a reason may be announced again. */
export interface AlertPause {
  /** What was announced after this waits. */
  readonly announcedBy: Temporal.Instant
}

/** The organizations that have something to be told about what could not be counted. */
export async function listDueAlerts(connection: Connection, pause: AlertPause): Promise<number[]> {
  const rows = await connection
    .selectFrom('unprocessedAlerts')
    .select('organizationId')
    .distinct()
    .where('unannouncedEvents', '>', '0')
    .where(isDue(pause))
    .limit(1000)
    .execute()
  return rows.map(({ organizationId }) => organizationId)
}

/**
 * Announces what could not be counted since the last announcement, once per reason. Usage that is being committed waits
 * for the end of this transaction and is announced the next time. Answers with the number of announcements.
 */
export async function announceUnprocessed(
  transaction: OrganizationTransaction,
  organizationId: number,
  pause: AlertPause,
): Promise<number> {
  const due = await transaction
    .selectFrom('unprocessedAlerts')
    .select(['reason', 'unannouncedEvents', 'since'])
    .where('organizationId', '=', organizationId)
    .where('unannouncedEvents', '>', '0')
    .where(isDue(pause))
    .orderBy('reason')
    .forUpdate()
    .execute()
  for (const { reason, unannouncedEvents, since } of due) {
    const payload = { reason, events: Number(unannouncedEvents), since: since?.toString() ?? '' }
    await announce(transaction, { organizationId, topic: 'events.unprocessed', payload })
    await clear(transaction, organizationId, reason)
  }
  return due.length
}

async function clear(
  transaction: OrganizationTransaction,
  organizationId: number,
  reason: UnprocessedReason,
): Promise<void> {
  await transaction
    .updateTable('unprocessedAlerts')
    .set({ unannouncedEvents: '0', since: null, announcedAt: sql<string>`now()` })
    .where('organizationId', '=', organizationId)
    .where('reason', '=', reason)
    .execute()
}

function isDue({ announcedBy }: AlertPause) {
  return sql<boolean>`(announced_at is null or announced_at <= ${announcedBy.toString()})`
}
