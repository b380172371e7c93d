import type { Pool } from 'pg'
import { inTransaction } from '../../db/transaction.ts'
import { countEvents } from '../../db/usage/count-events.ts'
import { earliestMicros } from '../../db/usage/earliest-micros.ts'
import { touchCustomers } from '../../db/usage/ingest-references.ts'
import { deleteEntries, lockMetricForRecount, lockUncountedEvents, updateEntry } from '../../db/usage/recount.ts'
import { findRefusedUsage, refusesLateUsage } from '../../db/usage/refused-usage.ts'

/**
 * Counts stored events for a metric that could not use them, by its definition of now. Entries go in the transaction
 * that counts their events, so however often and from wherever this runs, each counts once. Answers with the number
 * counted.
 */
export async function recountEvents(
  pool: Pool,
  organizationId: number,
  metricId: string,
  entryIds: readonly string[],
): Promise<number> {
  return await inTransaction(pool, async (client) => {
    const metric = await lockMetricForRecount(client, organizationId, metricId)
    if (metric === undefined) return 0
    const held = await lockUncountedEvents(client, organizationId, metricId, entryIds)
    const events = held.filter(({ event }) => event.code === metric.eventCode)
    const metrics = new Map([[metric.eventCode, [metric]]])
    const refuses = await refusesLateUsage(client, organizationId)
    const refused = refuses ? await findRefusedUsage(client, organizationId, { events, metrics }) : new Map()
    const unusable = await countEvents(client, organizationId, { events, metrics, refused })
    for (const { event, reason, details } of unusable) {
      const [id] = event.entryIds
      if (id !== undefined) await updateEntry(client, organizationId, { id, reason, details })
    }
    const stillUnusable = new Set(unusable.map(({ event }) => event))
    const counted = events.filter((event) => !stillUnusable.has(event))
    await deleteEntries(
      client,
      organizationId,
      counted.flatMap((event) => event.entryIds),
    )
    await touchCustomers(client, organizationId, earliestMicros(counted))
    return counted.length
  })
}
