import type { OrganizationTransaction } from '../connection.ts'
import type { BillableMetric } from './billable-metrics.ts'

/** The metrics that read events of a code, in the order in which they were defined. */
export async function listMetricsOfEventCode(
  transaction: OrganizationTransaction,
  organizationId: number,
  eventCode: string,
): Promise<readonly BillableMetric[]> {
  return await transaction
    .selectFrom('billableMetrics')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('eventCode', '=', eventCode)
    .orderBy('id')
    .execute()
}
