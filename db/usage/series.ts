import { assert } from '../../shared/errors.ts'
import { type CountedMetric, dimensionsOf } from '../../shared/metering/count-event.ts'
import type { Statements } from '../statements.ts'
import type { CountableEvent } from './usage-events.ts'

/** What a series is told apart by. */
export interface SeriesIdentity {
  readonly customerId: number
  readonly metricId: string
  readonly externalSubscriptionId: string | null
  readonly generation: number
  readonly dimensions: Readonly<Record<string, string>>
}

/** The series that an event adds to for a metric. */
export function seriesOf({ customerId, event }: CountableEvent, metric: CountedMetric): SeriesIdentity {
  return {
    customerId,
    metricId: metric.id,
    externalSubscriptionId: event.externalSubscriptionId,
    generation: metric.generation,
    dimensions: dimensionsOf(event, metric),
  }
}

export interface RequiredSeries {
  readonly seriesId: string
  /** Whether it did not exist before. */
  readonly isCreated: boolean
}

/** The series, in the order given; those that did not exist are created. */
export async function requireSeries(
  client: Statements,
  organizationId: number,
  identities: readonly SeriesIdentity[],
): Promise<readonly RequiredSeries[]> {
  const found = await findSeries(client, organizationId, identities)
  const missing = identities.filter((_, position) => found[position] === undefined)
  if (missing.length > 0) await createSeries(client, organizationId, missing)
  const created = (await findSeries(client, organizationId, missing)).values()
  return found.map((existing) => {
    const seriesId = existing ?? created.next().value
    assert(seriesId !== undefined, 'a series was not created')
    return { seriesId, isCreated: existing === undefined }
  })
}

/** The ids of series, in the order given; undefined for those that do not exist. */
async function findSeries(
  client: Statements,
  organizationId: number,
  identities: readonly SeriesIdentity[],
): Promise<(string | undefined)[]> {
  if (identities.length === 0) return []
  // Two branches with plain equality in each, so that every column of the index that tells series apart is used.
  const { rows } = await client.query<{ position: string; series_id: string }>(
    `select wanted.position, found.series_id
     from unnest($2::integer[], $3::uuid[], $4::text[], $5::integer[], $6::jsonb[]) with ordinality
       as wanted (customer_id, metric_id, external_subscription_id, generation, dimensions, position)
     cross join lateral (
       (select series_id from usage_series
        where organization_id = $1 and customer_id = wanted.customer_id and billable_metric_id = wanted.metric_id
          and generation = wanted.generation and external_subscription_id = wanted.external_subscription_id
          and md5(dimensions::text)::uuid = md5(wanted.dimensions::text)::uuid limit 1)
       union all
       (select series_id from usage_series
        where organization_id = $1 and customer_id = wanted.customer_id and billable_metric_id = wanted.metric_id
          and generation = wanted.generation and external_subscription_id is null
          and wanted.external_subscription_id is null
          and md5(dimensions::text)::uuid = md5(wanted.dimensions::text)::uuid limit 1)) found`,
    [organizationId, ...columnsOf(identities)],
  )
  const found = new Map(rows.map((row) => [Number(row.position) - 1, row.series_id]))
  return identities.map((_, position) => found.get(position))
}

async function createSeries(
  client: Statements,
  organizationId: number,
  identities: readonly SeriesIdentity[],
): Promise<void> {
  await client.query(
    `insert into usage_series
       (organization_id, customer_id, billable_metric_id, external_subscription_id, generation, dimensions)
     select $1, customer_id, metric_id, external_subscription_id, generation, dimensions
     from unnest($2::integer[], $3::uuid[], $4::text[], $5::integer[], $6::jsonb[])
       as wanted (customer_id, metric_id, external_subscription_id, generation, dimensions)
     order by customer_id, metric_id, external_subscription_id, dimensions
     on conflict do nothing`,
    [organizationId, ...columnsOf(identities)],
  )
}

function columnsOf(identities: readonly SeriesIdentity[]): unknown[] {
  return [
    identities.map((identity) => identity.customerId),
    identities.map((identity) => identity.metricId),
    identities.map((identity) => identity.externalSubscriptionId),
    identities.map((identity) => identity.generation),
    identities.map((identity) => JSON.stringify(identity.dimensions)),
  ]
}
