import type { Pool } from 'pg'
import { inTransaction } from '../../db/transaction.ts'
import { countEvents } from '../../db/usage/count-events.ts'
import { earliestMicros } from '../../db/usage/earliest-micros.ts'
import { touchCustomers } from '../../db/usage/ingest-references.ts'
import {
  deleteOutdatedSeries,
  deleteOvercome,
  findNextCustomer,
  listEventsToRebuild,
  lockRebuildingMetric,
  saveRebuildProgress,
} from '../../db/usage/rebuild.ts'
import { insertUnprocessedEvents } from '../../db/usage/unprocessed-events.ts'

const EVENTS_PER_PAGE = 10_000

/**
 * Counts the next page of events for a metric and writes down how far it came, in one transaction: whatever dies, each
 * event counts once. Answers whether there is more to do.
 */
export async function rebuildPage(pool: Pool, organizationId: number, metricId: string): Promise<boolean> {
  return await inTransaction(pool, async (client) => {
    const metric = await lockRebuildingMetric(client, organizationId, metricId)
    if (metric === undefined) return false
    const customerId = await findNextCustomer(client, organizationId, metric)
    if (customerId === undefined) {
      await saveRebuildProgress(client, organizationId, metricId, null)
      return false
    }
    const events = await listEventsToRebuild(client, organizationId, { metric, customerId, limit: EVENTS_PER_PAGE })
    const metrics = new Map([[metric.eventCode, [metric]]])
    const unusable = await countEvents(client, organizationId, { events, metrics })
    await insertUnprocessedEvents(
      client,
      organizationId,
      unusable.map(({ event: { event, eventKey }, reason, details }) => ({
        customerId,
        eventKey,
        timestampMicros: event.timestampMicros,
        code: event.code,
        transactionId: event.transactionId,
        metricId,
        reason,
        details,
      })),
    )
    const uncounted = new Set(unusable.map(({ event }) => event.eventKey))
    const readKeys = events.map(({ eventKey }) => eventKey)
    const countedKeys = readKeys.filter((key) => !uncounted.has(key))
    await deleteOvercome(client, organizationId, { customerId, metricId, readKeys, countedKeys })
    await touchCustomers(client, organizationId, earliestMicros(events))
    await deleteOutdatedSeries(client, organizationId, { metric, customerId })
    const last = events.length < EVENTS_PER_PAGE ? undefined : events.at(-1)
    await saveRebuildProgress(client, organizationId, metricId, { customerId, last })
    return true
  })
}
