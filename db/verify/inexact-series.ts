import type { Statements } from '../statements.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import type { SelectedMetric, UsageSelection } from './usage-selection.ts'

/** Series of which some values are not known, because the last event of a value was corrected. */
export async function listInexactSeries(
  client: Statements,
  { organizationId, customerId }: Pick<UsageSelection, 'organizationId' | 'customerId'>,
  metrics: readonly SelectedMetric[],
): Promise<readonly SeriesIdentity[]> {
  const { rows } = await client.query<SeriesIdentity>(
    `select customer_id as "customerId", billable_metric_id::text as "metricId",
       external_subscription_id as "externalSubscriptionId", generation, dimensions
     from usage_series
     where organization_id = $1 and ($2::integer is null or customer_id = $2) and billable_metric_id = any($3::uuid[])
       and not distinct_exact
     order by customer_id, series_id`,
    [organizationId, customerId ?? null, metrics.map(({ id }) => id)],
  )
  return rows
}
