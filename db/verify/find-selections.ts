import { sql } from 'kysely'
import type { Connection } from '../connection.ts'
import type { UsageSelection } from './usage-selection.ts'

/** What usage is chosen by; what is left out is open. */
export interface SelectionNames {
  /** The id or the name of an organization. */
  readonly organization: string | undefined
  /** The code of a metric. */
  readonly metric: string | undefined
  /** The external id of a customer. */
  readonly customer: string | undefined
}

/** One selection for each organization that has all that is named. */
export async function findSelections(
  connection: Connection,
  names: SelectionNames,
): Promise<readonly (UsageSelection & { readonly organization: string })[]> {
  const [organization, metric, customer] = [names.organization, names.metric, names.customer].map(
    (name) => name ?? null,
  )
  const { rows } = await sql<{
    organizationId: number
    organization: string
    metricId: string | null
    customerId: number | null
  }>`
    select organization.organization_id, organization.name as organization, metric.id as metric_id, customer.customer_id
    from organizations organization
    left join billable_metrics metric on metric.organization_id = organization.organization_id and metric.code = ${metric}
    left join customers customer on customer.organization_id = organization.organization_id
      and customer.external_id = ${customer}
    where (${organization}::text is null or organization.id::text = ${organization} or organization.name = ${organization})
      and (${metric}::text is null or metric.id is not null)
      and (${customer}::text is null or customer.customer_id is not null)
    order by organization.organization_id`.execute(connection)
  return rows.map(({ metricId, customerId, ...row }) => ({
    ...row,
    metricId: metricId ?? undefined,
    customerId: customerId ?? undefined,
  }))
}
