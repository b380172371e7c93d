import { assert } from '../../shared/errors.ts'
import type { CountedMetric } from '../../shared/metering/count-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'
import { COUNTED_METRIC_COLUMNS } from './counted-metric-columns.ts'
import { ARRIVALS_PER_TRANSACTION, shareCounting } from './counting-lock.ts'
import { type CustomerReference, KnownCustomers } from './known-customers.ts'
import { REFUSES_LATE_USAGE } from './refused-usage.ts'

/** The customers of these external ids, each named once, in their order; names seen for the first time get their row here. */
export async function requireCustomerReferences(
  client: Statements,
  organizationId: number,
  { externalIds, known = new KnownCustomers() }: { externalIds: readonly string[]; known?: KnownCustomers },
): Promise<readonly CustomerReference[]> {
  const remembered = known.of(organizationId)
  const asked = externalIds.filter((externalId) => !remembered.has(externalId))
  const found = await findOrCreateCustomers(client, organizationId, asked.toSorted())
  const references = externalIds.map((externalId) => {
    const reference = remembered.get(externalId) ?? found.get(externalId)
    assert(reference !== undefined, 'a customer reference was not created')
    return reference
  })
  known.add(organizationId, found)
  return references
}

async function findOrCreateCustomers(
  client: Statements,
  organizationId: number,
  externalIds: readonly string[],
): Promise<ReadonlyMap<string, CustomerReference>> {
  if (externalIds.length === 0) return new Map()
  const found = await findCustomerReferences(client, organizationId, externalIds)
  const missing = externalIds.filter((externalId) => !found.has(externalId))
  if (missing.length === 0) return found
  await client.query(
    `insert into customers (organization_id, external_id)
     select $1, external_id from unnest($2::text[]) as named (external_id) order by external_id
     on conflict do nothing`,
    [organizationId, missing],
  )
  return new Map([...found, ...(await findCustomerReferences(client, organizationId, missing))])
}

async function findCustomerReferences(
  client: Statements,
  organizationId: number,
  externalIds: readonly string[],
): Promise<Map<string, CustomerReference>> {
  const { rows } = await client.query<{ external_id: string; customer_id: number; registered: boolean }>(
    `select external_id, customer_id, registered_at is not null as registered
     from customers where organization_id = $1 and external_id = any($2)`,
    [organizationId, externalIds],
  )
  return new Map(rows.map((row) => [row.external_id, { customerId: row.customer_id, registered: row.registered }]))
}

/**
 * The metrics of an organization by the code of the events they read, and the number that orders the arrival of this
 * transaction's events. While it runs no metric appears or changes, so every event is either counted here or, having
 * arrived before the metric, by its rebuild.
 */
export async function openCounting(
  client: Statements,
  organizationId: number,
): Promise<{
  metrics: ReadonlyMap<string, readonly CountedMetric[]>
  firstArrival: bigint
  /** Whether late usage is refused by the organization or one of its plans. */
  refusesLate: boolean
}> {
  await shareCounting(client, organizationId)
  const { rows } = await client.query<{ turn: string; refuses: boolean }>(
    `select nextval('usage_arrivals') as turn, ${REFUSES_LATE_USAGE} as refuses`,
    [organizationId],
  )
  const metrics = await listMetricsByEventCode(client, organizationId)
  const firstArrival = BigInt(rows[0]?.turn ?? 0) * ARRIVALS_PER_TRANSACTION
  return { metrics, firstArrival, refusesLate: rows[0]?.refuses === true }
}

/** The metrics of an organization by the code of the events they read. */
async function listMetricsByEventCode(
  client: Statements,
  organizationId: number,
): Promise<ReadonlyMap<string, readonly CountedMetric[]>> {
  const { rows } = await client.query<CountedMetric>(
    `select ${COUNTED_METRIC_COLUMNS}
     from billable_metrics where organization_id = $1 order by id`,
    [organizationId],
  )
  return Map.groupBy(rows, (metric) => metric.eventCode)
}

/**
 * Marks customers whose charges no longer tell what they have used, with the earliest time whose usage has changed. A mark
 * that says so already is only locked, so that whoever takes it away waits for this transaction.
 */
export async function touchCustomers(
  client: Statements,
  organizationId: number,
  /** Microseconds since the epoch, by customer. */
  earliestMicros: ReadonlyMap<number, number>,
): Promise<void> {
  if (earliestMicros.size === 0) return
  // In the order of their ids, so that two transactions never wait for each other in a circle.
  const touched = [...earliestMicros].sort(([one], [other]) => one - other)
  await client.query(
    `insert into touched_customers as mark (customer_id, organization_id, touched_at, earliest_at)
     select customer_id, $1, now(), earliest_at
     from unnest($2::integer[], $3::timestamptz[]) as touched (customer_id, earliest_at)
     on conflict (customer_id) do update
       set earliest_at = excluded.earliest_at where mark.earliest_at is null or mark.earliest_at > excluded.earliest_at`,
    [organizationId, touched.map(([customerId]) => customerId), touched.map(([, micros]) => isoOfMicros(micros))],
  )
}
