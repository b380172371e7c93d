import type { CountedMetric } from '../../shared/metering/count-event.ts'
import type { Statements } from '../statements.ts'
import { COUNTED_METRIC_COLUMNS } from '../usage/counted-metric-columns.ts'

/** Which usage is looked at: of one organization, all or that of one metric, of all its customers or of one. */
export interface UsageSelection {
  readonly organizationId: number
  /** Undefined: every customer. */
  readonly customerId: number | undefined
  /** Undefined: every metric. */
  readonly metricId: string | undefined
}

/** A metric with its code, and whether its events are being counted anew just now. */
export interface SelectedMetric extends CountedMetric {
  readonly code: string
  readonly isRebuilding: boolean
}

/** The metrics of a selection. Those that are being counted anew have no rollups that could be right or wrong yet. */
export async function listSelectedMetrics(
  client: Statements,
  { organizationId, metricId }: UsageSelection,
): Promise<readonly SelectedMetric[]> {
  const { rows } = await client.query<SelectedMetric>(
    `select ${COUNTED_METRIC_COLUMNS}, code, rebuild_cursor is not null as "isRebuilding"
     from billable_metrics where organization_id = $1 and ($2::uuid is null or id = $2) order by id`,
    [organizationId, metricId ?? null],
  )
  return rows
}
