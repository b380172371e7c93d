import { sql } from 'kysely'
import { refuseArchivedMetrics } from '../archives/archived-usage.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { statementsOf } from '../statements.ts'
import { openRebuild } from './counting-lock.ts'

/**
 * Makes the series of metrics tell the values of properties apart. A metric that does not yet is counted anew with all
 * its properties, those it had included (its billing waits for that); the others stay as they are.
 */
export async function requireDimensions(
  transaction: OrganizationTransaction,
  organizationId: number,
  wanted: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<void> {
  if ((await listLacking(transaction, organizationId, wanted)).length === 0) return
  await refuseArchivedMetrics(statementsOf(transaction), organizationId, [...wanted.keys()])
  const rebuild = await openRebuild(transaction, organizationId)
  // While it waited for the counting to stop, somebody else may have done it.
  for (const { id, dimensionKeys } of await listLacking(transaction, organizationId, wanted)) {
    await transaction
      .updateTable('billableMetrics')
      .set({
        ...rebuild,
        rebuildAt: null,
        rebuildArrival: null,
        dimensionKeys: [...new Set([...dimensionKeys, ...(wanted.get(id) ?? [])])].sort(),
        generation: sql`generation + 1`,
        updatedAt: sql`now()`,
      })
      .where('organizationId', '=', organizationId)
      .where('id', '=', id)
      .execute()
    await announce(transaction, {
      organizationId,
      topic: 'billable_metric.recounted',
      payload: { billable_metric_id: id },
    })
  }
}

async function listLacking(
  transaction: OrganizationTransaction,
  organizationId: number,
  wanted: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<readonly { readonly id: string; readonly dimensionKeys: readonly string[] }[]> {
  const ids = [...wanted].filter(([, keys]) => keys.size > 0).map(([id]) => id)
  if (ids.length === 0) return []
  const metrics = await transaction
    .selectFrom('billableMetrics')
    .select(['id', 'dimensionKeys'])
    .where('organizationId', '=', organizationId)
    .where('id', 'in', ids)
    .orderBy('id')
    .execute()
  return metrics.filter(({ id, dimensionKeys }) => !wanted.get(id)?.isSubsetOf(new Set(dimensionKeys)))
}
