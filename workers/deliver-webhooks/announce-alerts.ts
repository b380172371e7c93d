import { realNow } from '../../db/clock.ts'
import { withOrganization } from '../../db/connection.ts'
import { announceUnprocessed, listDueAlerts } from '../../db/usage/unprocessed-alerts.ts'
import type { WorkerContext } from '../context.ts'

/** A reason is announced at once, and then at most this often. */
const PAUSE_SECONDS = 60

/** Announces events that could not be counted. Answers with the number of announcements. */
export async function announceAlerts({ connection }: WorkerContext): Promise<number> {
  const pause = { announcedBy: realNow().subtract({ seconds: PAUSE_SECONDS }) }
  let alerts = 0
  for (const organizationId of await listDueAlerts(connection, pause)) {
    alerts += await withOrganization(connection, organizationId, (transaction) =>
      announceUnprocessed(transaction, organizationId, pause),
    )
  }
  return alerts
}
