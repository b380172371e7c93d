import type { OrganizationTransaction } from '../connection.ts'

/** How far the count of a metric's events from before it has come. */
export interface RebuildProgress {
  readonly countedCustomers: number
  readonly customers: number
}

/** Undefined once all events of the metric are counted. */
export async function findRebuildProgress(
  transaction: OrganizationTransaction,
  organizationId: number,
  metricId: string,
): Promise<RebuildProgress | undefined> {
  const metric = await transaction
    .selectFrom('billableMetrics')
    .select(['rebuildCursor', 'rebuildAt'])
    .where('organizationId', '=', organizationId)
    .where('id', '=', metricId)
    .executeTakeFirst()
  if (metric === undefined || metric.rebuildCursor === null) return undefined
  const { rebuildCursor, rebuildAt } = metric
  const { customers, reached } = await transaction
    .selectFrom('customers')
    .select(({ fn }) => [
      fn.countAll<string>().as('customers'),
      // The cursor's own customer is not counted to its end while a time is noted.
      fn
        .countAll<string>()
        .filterWhere('customerId', rebuildAt === null ? '<=' : '<', rebuildCursor)
        .as('reached'),
    ])
    .where('organizationId', '=', organizationId)
    .executeTakeFirstOrThrow()
  return { countedCustomers: Number(reached), customers: Number(customers) }
}

/** That of the first of the metrics whose events are still being counted anew; undefined where none is. */
export async function findRebuildProgressOfAny(
  transaction: OrganizationTransaction,
  organizationId: number,
  metricIds: readonly string[],
): Promise<RebuildProgress | undefined> {
  if (metricIds.length === 0) return undefined
  const rebuilding = await transaction
    .selectFrom('billableMetrics')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', metricIds)
    .where('rebuildCursor', 'is not', null)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return rebuilding && (await findRebuildProgress(transaction, organizationId, rebuilding.id))
}
