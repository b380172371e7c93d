import type { Selectable } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database } from '../schema.ts'
import type { BillableMetric } from './billable-metrics.ts'

/** A property of a metric's events by whose values prices may differ. */
export type BillableMetricFilter = Selectable<Database['billableMetricFilters']>

/** Throws `billable_metric_filter_exists` when the metric has a filter on the key. */
export async function insertBillableMetricFilter(
  transaction: OrganizationTransaction,
  organizationId: number,
  { metric, key, values }: { metric: BillableMetric; key: string; values: readonly string[] },
): Promise<BillableMetricFilter> {
  const filter = await transaction
    .insertInto('billableMetricFilters')
    .values({ organizationId, billableMetricId: metric.id, key, allowedValues: [...values] })
    .onConflict((conflict) => conflict.columns(['billableMetricId', 'key']).doNothing())
    .returningAll()
    .executeTakeFirst()
  if (filter !== undefined) return filter
  const message = `the billable metric "${metric.code}" has a filter on "${key}" already`
  throw new AppError('billable_metric_filter_exists', message)
}

/** Throws `billable_metric_filter_not_found` for one of another metric, too. */
export async function requireBillableMetricFilter(
  transaction: OrganizationTransaction,
  organizationId: number,
  { metric, filterId }: { metric: BillableMetric; filterId: string },
): Promise<BillableMetricFilter> {
  const filter = await transaction
    .selectFrom('billableMetricFilters')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('billableMetricId', '=', metric.id)
    .where('id', '=', filterId)
    .executeTakeFirst()
  if (filter !== undefined) return filter
  const message = `the billable metric "${metric.code}" has no filter with the id ${filterId}`
  throw new AppError('billable_metric_filter_not_found', message)
}

/** Newest first. */
export async function listBillableMetricFilters(
  transaction: OrganizationTransaction,
  organizationId: number,
  { metric, ...page }: PageRequest & { metric: BillableMetric },
): Promise<Page<BillableMetricFilter>> {
  const query = transaction
    .selectFrom('billableMetricFilters')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('billableMetricId', '=', metric.id)
  return await newestFirst(query, page)
}

/** All filters of the metrics. */
export async function listFiltersOfMetrics(
  transaction: OrganizationTransaction,
  organizationId: number,
  metricIds: readonly string[],
): Promise<readonly BillableMetricFilter[]> {
  if (metricIds.length === 0) return []
  return await transaction
    .selectFrom('billableMetricFilters')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('billableMetricId', 'in', [...metricIds])
    .execute()
}
