import { withOrganization } from '../../db/connection.ts'
import {
  deleteAsideEvent,
  deleteResolved,
  deleteResolvedOfCustomers,
  findAsideEvent,
  listRetried,
  type RetriedEntry,
  type RetryRequest,
} from '../../db/events/retried-events.ts'
import { aggregateEvents } from '../aggregate-usage/aggregate-events.ts'
import type { WorkerContext } from '../context.ts'
import { eachOrBisect } from '../issue-invoices/each-or-bisect.ts'
import { recountEvents } from './recount-events.ts'

const PAGE = 1_000

/**
 * Tries again what could not be counted, page by page, oldest first. What is counted now, or was already and only lacked
 * its customer, subscription or metric, leaves the list; the rest stays. Running it again does no harm. One entry that
 * fails holds up no other of its page; the job then fails and begins anew. Answers with the number that left.
 */
export async function retryUnprocessed(
  context: WorkerContext,
  organizationId: number,
  request: RetryRequest,
): Promise<number> {
  let settled = 0
  for (let after: string | undefined; ; ) {
    const entries = await withOrganization(context.connection, organizationId, (transaction) =>
      listRetried(transaction, organizationId, { ...request, after, limit: PAGE }),
    )
    settled += await retryPage(context, organizationId, entries)
    if (entries.length < PAGE) return settled
    after = entries.at(-1)?.id
  }
}

/** Removes the entries of customers who, or whose subscriptions, have appeared. Answers with their number. */
export async function resolveCustomers(
  { connection }: WorkerContext,
  organizationId: number,
  customerIds: readonly string[],
): Promise<number> {
  for (let settled = 0; ; ) {
    const removed = await withOrganization(connection, organizationId, (transaction) =>
      deleteResolvedOfCustomers(transaction, organizationId, { customerIds, limit: PAGE }),
    )
    settled += removed
    if (removed < PAGE) return settled
  }
}

async function retryPage(
  context: WorkerContext,
  organizationId: number,
  entries: readonly RetriedEntry[],
): Promise<number> {
  const { connection, pool, log } = context
  const aside = idsOf(entries.filter(({ reason }) => reason === 'processing_failed'))
  const ofMetrics = Map.groupBy(entries, ({ billableMetricId }) => billableMetricId)
  const resolvable = idsOf(ofMetrics.get(null) ?? [])
  const works = [
    () =>
      withOrganization(connection, organizationId, (transaction) =>
        deleteResolved(transaction, organizationId, resolvable),
      ),
    ...[...ofMetrics].flatMap(([metricId, ofMetric]) =>
      metricId === null
        ? []
        : [() => eachOrBisect(idsOf(ofMetric), log, (ids) => recountEvents(pool, organizationId, metricId, ids))],
    ),
    ...aside.map((id) => () => retryAside(context, organizationId, id)),
  ]
  return await runAll(works)
}

// Storing an event knows whether it was stored before, so a death between the two transactions does no harm.
async function retryAside({ pool, connection }: WorkerContext, organizationId: number, id: string): Promise<number> {
  const aside = await withOrganization(connection, organizationId, (transaction) =>
    findAsideEvent(transaction, organizationId, id),
  )
  if (aside === undefined) return 0
  await aggregateEvents(pool, organizationId, [aside])
  await withOrganization(connection, organizationId, (transaction) => deleteAsideEvent(transaction, organizationId, id))
  return 1
}

/** Runs one after the other; throws the first failure when all others are done. */
async function runAll(works: readonly (() => Promise<number>)[]): Promise<number> {
  const failures: unknown[] = []
  let settled = 0
  for (const work of works) {
    settled += await work().catch((error: unknown) => {
      failures.push(error)
      return 0
    })
  }
  if (failures.length > 0) throw failures[0]
  return settled
}

function idsOf(entries: readonly RetriedEntry[]): string[] {
  return entries.map(({ id }) => id)
}
