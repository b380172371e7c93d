import type { Statements } from '../statements.ts'
import type { SeriesIdentity } from '../usage/series.ts'

/** Names a series; metrics have their code by their id. */
export function aboutSeries(
  { metricId, externalSubscriptionId, dimensions }: SeriesIdentity,
  codes: ReadonlyMap<string, string>,
): Record<string, string> {
  return {
    metric: codes.get(metricId) ?? metricId,
    ...(externalSubscriptionId === null ? {} : { subscription: externalSubscriptionId }),
    ...(Object.keys(dimensions).length === 0 ? {} : { dimensions: JSON.stringify(dimensions) }),
  }
}

/** The external id of a customer, or its key where it has no row. */
export async function nameCustomer(client: Statements, organizationId: number, customerId: number): Promise<string> {
  const { rows } = await client.query<{ externalId: string }>(
    'select external_id as "externalId" from customers where organization_id = $1 and customer_id = $2',
    [organizationId, customerId],
  )
  return rows[0]?.externalId ?? `key ${customerId}`
}
