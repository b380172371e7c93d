import type { ChargeableMetrics } from '../../shared/plans/define-plan.ts'
import type { ChargeRequest } from '../../shared/plans/plan-request.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { listFiltersOfMetrics } from './billable-metric-filters.ts'
import { findBillableMetrics } from './billable-metrics.ts'

/** What exists of that which charges refer to. */
export async function findChargeableMetrics(
  transaction: OrganizationTransaction,
  organizationId: number,
  charges: readonly ChargeRequest[],
): Promise<ChargeableMetrics> {
  const ids = charges.map((charge) => charge.billableMetricId)
  const metrics = await findBillableMetrics(transaction, organizationId, ids)
  const metricIds = metrics.map((metric) => metric.id)
  const filters = await listFiltersOfMetrics(transaction, organizationId, metricIds)
  const byMetric = Map.groupBy(filters, (filter) => filter.billableMetricId)
  return new Map(
    metrics.map(({ id, name, aggregation, recurring }) => [
      id,
      {
        name,
        aggregation,
        recurring,
        filters: new Map(
          (byMetric.get(id) ?? []).map((filter) => [filter.id, { key: filter.key, values: filter.allowedValues }]),
        ),
      },
    ]),
  )
}
