import type { PoolClient } from 'pg'

/** What a series is told apart by. */
export interface SeriesIdentity {
  readonly customerId: number
  readonly metricId: string
  readonly externalSubscriptionId: string | null
  readonly generation: number
  readonly dimensions: Readonly<Record<string, string>>
}

/** The ids of series, in the order given; those that did not exist are created. */
export async function requireSeries(
  client: PoolClient,
  organizationId: number,
  identities: readonly SeriesIdentity[],
): Promise<readonly string[]> {
  if (identities.length === 0) return []
  const columns = [
    organizationId,
    identities.map((identity) => identity.customerId),
    identities.map((identity) => identity.metricId),
    identities.map((identity) => identity.externalSubscriptionId),
    identities.map((identity) => identity.generation),
    identities.map((identity) => JSON.stringify(identity.dimensions)),
  ]
  await client.query(
    `insert into usage_series
       (organization_id, customer_id, billable_metric_id, external_subscription_id, generation, dimensions)
     select $1, customer_id, metric_id, external_subscription_id, generation, dimensions
     from unnest($2::integer[], $3::uuid[], $4::text[], $5::integer[], $6::jsonb[])
       as wanted (customer_id, metric_id, external_subscription_id, generation, dimensions)
     order by customer_id, metric_id, external_subscription_id, dimensions
     on conflict do nothing`,
    columns,
  )
  const { rows } = await client.query<{ series_id: string }>(
    `select series.series_id
     from unnest($2::integer[], $3::uuid[], $4::text[], $5::integer[], $6::jsonb[]) with ordinality
       as wanted (customer_id, metric_id, external_subscription_id, generation, dimensions, position)
     join usage_series series on series.customer_id = wanted.customer_id
       and series.billable_metric_id = wanted.metric_id
       and series.external_subscription_id is not distinct from wanted.external_subscription_id
       and series.generation = wanted.generation and series.dimensions = wanted.dimensions
     where series.organization_id = $1
     order by wanted.position`,
    columns,
  )
  return rows.map((row) => row.series_id)
}
