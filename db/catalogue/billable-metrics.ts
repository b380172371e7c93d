import type { Selectable } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database } from '../schema.ts'
import { openRebuild } from '../usage/counting-lock.ts'

/** What is counted, of which events. */
export type BillableMetric = Selectable<Database['billableMetrics']>

export type BillableMetricDefinition = Pick<
  BillableMetric,
  'code' | 'name' | 'description' | 'aggregation' | 'fieldName' | 'eventCode'
> &
  Partial<Pick<BillableMetric, 'expression' | 'recurring' | 'roundingMode' | 'roundingPrecision' | 'percentile'>>

/**
 * Defines a metric. From this transaction on it counts events as they come; those that are there already are counted by
 * its rebuild.
 */
export async function insertBillableMetric(
  transaction: OrganizationTransaction,
  organizationId: number,
  definition: BillableMetricDefinition,
): Promise<BillableMetric> {
  const rebuild = await openRebuild(transaction, organizationId)
  const metric = await transaction
    .insertInto('billableMetrics')
    .values({ organizationId, ...definition, ...rebuild })
    .onConflict((conflict) => conflict.columns(['organizationId', 'code']).doNothing())
    .returningAll()
    .executeTakeFirst()
  if (metric === undefined) {
    throw new AppError('billable_metric_exists', `a billable metric with the code "${definition.code}" exists already`)
  }
  await announce(transaction, {
    organizationId,
    topic: 'billable_metric.created',
    payload: { billable_metric_id: metric.id },
  })
  return metric
}

export async function requireBillableMetric(
  transaction: OrganizationTransaction,
  organizationId: number,
  code: string,
): Promise<BillableMetric> {
  const metric = await selectMetrics(transaction, organizationId).where('code', '=', code).executeTakeFirst()
  if (metric === undefined) {
    throw new AppError('billable_metric_not_found', `no billable metric has the code "${code}"`)
  }
  return metric
}

/** The metrics that read events of a code, in the order in which they were defined. */
export async function listMetricsOfEventCode(
  transaction: OrganizationTransaction,
  organizationId: number,
  eventCode: string,
): Promise<readonly BillableMetric[]> {
  return await selectMetrics(transaction, organizationId).where('eventCode', '=', eventCode).orderBy('id').execute()
}

/** Those of the ids that exist; the caller sees which are missing. */
export async function findBillableMetrics(
  transaction: OrganizationTransaction,
  organizationId: number,
  ids: readonly string[],
): Promise<readonly BillableMetric[]> {
  if (ids.length === 0) return []
  return await selectMetrics(transaction, organizationId)
    .where('id', 'in', [...new Set(ids)])
    .execute()
}

/** Newest first. */
export async function listBillableMetrics(
  transaction: OrganizationTransaction,
  organizationId: number,
  page: PageRequest,
): Promise<Page<BillableMetric>> {
  return await newestFirst(selectMetrics(transaction, organizationId), page)
}

function selectMetrics(transaction: OrganizationTransaction, organizationId: number) {
  return transaction.selectFrom('billableMetrics').selectAll().where('organizationId', '=', organizationId)
}
