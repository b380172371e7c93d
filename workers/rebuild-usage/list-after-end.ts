import { type Connection, withOrganization } from '../../db/connection.ts'
import { listEventsAfterEnd } from '../../db/events/events-after-end.ts'
import { statementsOf } from '../../db/statements.ts'
import { awaitCounting, holdCounting } from '../../db/usage/counting-lock.ts'
import { insertUnprocessedEvents } from '../../db/usage/unprocessed-events.ts'

const PAGE = 5_000

/**
 * Lists what was counted for subscriptions at times after the ends that they got since then. Run again it finds nothing. An
 * event that is counted later meets the end. Answers with the number of events.
 */
export async function listAfterEnd(
  connection: Connection,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<number> {
  await awaitCounting(connection, organizationId)
  // Events from the future are rare, so counting is hardly ever held up.
  const [some] = await withOrganization(connection, organizationId, (transaction) =>
    listEventsAfterEnd(statementsOf(transaction), organizationId, { subscriptionIds, limit: 1 }),
  )
  if (some === undefined) return 0
  for (let listed = 0; ; ) {
    const found = await withOrganization(connection, organizationId, async (transaction) => {
      // None of them is corrected until it is listed, because a correction takes what is listed away.
      await holdCounting(transaction, organizationId)
      const client = statementsOf(transaction)
      const events = await listEventsAfterEnd(client, organizationId, { subscriptionIds, limit: PAGE })
      await insertUnprocessedEvents(client, organizationId, events)
      return events.length
    })
    listed += found
    if (found < PAGE) return listed
  }
}
