import { type Connection, type OrganizationTransaction, withOrganization } from '../../db/connection.ts'
import {
  deleteAsideEvent,
  deleteResolved,
  deleteResolvedOfCustomers,
  findAsideEvent,
  listRetried,
  type RetriedEntry,
  type RetryRequest,
} from '../../db/events/retried-events.ts'
import { statementsOf } from '../../db/statements.ts'
import { awaitCounting } from '../../db/usage/counting-lock.ts'
import { updateUnknownSubscriptions } from '../../db/usage/unprocessed-events.ts'
import { isUnreachable } from '../../shared/unreachable.ts'
import { aggregateEvents } from '../aggregate-usage/aggregate-events.ts'
import type { WorkerContext } from '../context.ts'
import { eachOrBisect } from '../each-or-bisect.ts'
import { recountEvents } from './recount-events.ts'

const PAGE = 1_000

/**
 * Tries again what could not be counted, page by page, oldest first. What is counted now, or was already and only lacked
 * its customer, subscription or metric, leaves the list; the rest stays. Running it again does no harm. One entry that
 * fails holds up no other: its failure is thrown when all others are done. Answers with the number that left.
 */
export async function retryUnprocessed(
  context: WorkerContext,
  organizationId: number,
  request: RetryRequest,
): Promise<number> {
  const failures: unknown[] = []
  let settled = 0
  for (let after: string | undefined; ; ) {
    const entries = await withOrganization(context.connection, organizationId, (transaction) =>
      listRetried(transaction, organizationId, { ...request, after, limit: PAGE }),
    )
    for (const work of worksOf(context, organizationId, entries)) {
      settled += await work().catch((error: unknown) => {
        if (isUnreachable(error)) throw error
        failures.push(error)
        return 0
      })
    }
    if (entries.length < PAGE) break
    after = entries.at(-1)?.id
  }
  if (failures.length > 0) throw failures[0]
  return settled
}

/**
 * Removes the entries of customers who, or whose subscriptions, have appeared; what such a subscription does not pay for,
 * because it does not run at that time, stays with this reason. Answers with the number removed.
 */
export async function resolveCustomers(
  { connection }: WorkerContext,
  organizationId: number,
  customerIds: readonly string[],
): Promise<number> {
  // What is being counted may not have seen them, and would be listed behind the back of this.
  await awaitCounting(connection, organizationId)
  const removed = await eachPage(connection, organizationId, (transaction) =>
    deleteResolvedOfCustomers(transaction, organizationId, { customerIds, limit: PAGE }),
  )
  await eachPage(connection, organizationId, (transaction) =>
    updateUnknownSubscriptions(statementsOf(transaction), organizationId, { customerIds, entryIds: null, limit: PAGE }),
  )
  return removed
}

/** Repeats work that answers with the number of entries it was done for, until they fill no page. Answers with the sum. */
async function eachPage(
  connection: Connection,
  organizationId: number,
  work: (transaction: OrganizationTransaction) => Promise<number>,
): Promise<number> {
  for (let sum = 0; ; ) {
    const done = await withOrganization(connection, organizationId, work)
    sum += done
    if (done < PAGE) return sum
  }
}

/** What is to be done for a page: at once for all that lacked something, per metric, and one by one. */
function worksOf(
  context: WorkerContext,
  organizationId: number,
  entries: readonly RetriedEntry[],
): readonly (() => Promise<number>)[] {
  const { connection, pool, log } = context
  const aside = idsOf(entries.filter(({ reason }) => reason === 'processing_failed'))
  const ofMetrics = Map.groupBy(entries, ({ billableMetricId }) => billableMetricId)
  const resolvable = idsOf(ofMetrics.get(null) ?? [])
  return [
    () =>
      withOrganization(connection, organizationId, async (transaction) => {
        const removed = await deleteResolved(transaction, organizationId, resolvable)
        const unknown = { customerIds: null, entryIds: resolvable, limit: PAGE }
        await updateUnknownSubscriptions(statementsOf(transaction), organizationId, unknown)
        return removed
      }),
    ...[...ofMetrics].flatMap(([metricId, ofMetric]) =>
      metricId === null
        ? []
        : [() => eachOrBisect(idsOf(ofMetric), log, (ids) => recountEvents(pool, organizationId, metricId, ids))],
    ),
    ...aside.map((id) => () => retryAside(context, organizationId, id)),
  ]
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

function idsOf(entries: readonly RetriedEntry[]): string[] {
  return entries.map(({ id }) => id)
}
