import { realNow } from '../../db/clock.ts'
import { deleteExpiredAnnouncements } from '../../db/expired-announcements.ts'
import { deleteExpiredMessages } from '../../db/webhooks/expired-messages.ts'
import type { WorkerContext } from '../context.ts'

/** Rows of each kind at a time, so that no statement runs long. */
const BATCH = 1000

/**
 * Deletes a batch of messages and announcements that were kept long enough. Answers with their number, and whether there
 * may be more. Twice at once does no harm.
 */
export async function deleteExpired({
  connection,
  webhooks,
}: Pick<WorkerContext, 'connection' | 'webhooks'>): Promise<{ deleted: number; isRest: boolean }> {
  const expiry = { before: realNow().subtract({ hours: webhooks.retentionDays * 24 }), limit: BATCH }
  // In this order, because a message holds on to its announcement.
  const messages = await deleteExpiredMessages(connection, expiry)
  const announcements = await deleteExpiredAnnouncements(connection, expiry)
  return { deleted: messages + announcements, isRest: messages === BATCH || announcements === BATCH }
}
