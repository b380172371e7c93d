import type { DistinctChange } from '../../shared/metering/rollup.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'

/** An event of a value that a series counts once. */
export interface Sighting {
  readonly customerId: number
  readonly seriesId: string
  readonly valueHash: string
  readonly timestampMicros: number
  readonly arrival: bigint
  readonly isRemoval: boolean
}

/** What changes in the rollups of a series. */
interface SeriesChange extends DistinctChange {
  readonly seriesId: string
}

/**
 * Notes what is seen of values, and forgets what is withdrawn. Answers with what that changes in the rollups. Whoever locks
 * values, series and rollups does so in this order, values in the order of their keys.
 */
export async function applySightings(
  client: Statements,
  organizationId: number,
  { seen, withdrawn }: { readonly seen: readonly Sighting[]; readonly withdrawn: readonly Sighting[] },
): Promise<readonly SeriesChange[]> {
  if (withdrawn.length === 0) return await recordSightings(client, organizationId, seen)
  const changes: SeriesChange[] = []
  const inexact: Sighting[] = []
  const leaving = new Set(withdrawn)
  // One by one, so that what leaves and what comes are locked in one order.
  for (const sighting of [...withdrawn, ...seen].sort(byKey)) {
    const apply = leaving.has(sighting) ? withdrawSighting : recordSightings
    const changed = await apply(client, organizationId, [sighting])
    if (leaving.has(sighting) && changed.length > 0) inexact.push(sighting)
    changes.push(...changed)
  }
  await markInexact(client, organizationId, inexact)
  return changes
}

function byKey(one: Sighting, other: Sighting): number {
  return (
    one.customerId - other.customerId ||
    Number(BigInt(one.seriesId) - BigInt(other.seriesId)) ||
    (one.valueHash < other.valueHash ? -1 : Number(one.valueHash > other.valueHash))
  )
}

// What was seen before a value's last event left only raw events tell.
async function markInexact(client: Statements, organizationId: number, left: readonly Sighting[]): Promise<void> {
  if (left.length === 0) return
  await client.query(
    `update usage_series set distinct_exact = false
     where organization_id = $1 and distinct_exact and (customer_id, series_id) in (
       select customer_id, series_id from usage_series where organization_id = $1
         and (customer_id, series_id) in (select * from unnest($2::integer[], $3::bigint[]))
       order by customer_id, series_id for update)`,
    [organizationId, left.map(({ customerId }) => customerId), left.map(({ seriesId }) => seriesId)],
  )
}

/**
 * Notes when values were last seen: the greatest time decides, of equal times the greatest arrival, in whatever order
 * events are counted.
 */
async function recordSightings(
  client: Statements,
  organizationId: number,
  sightings: readonly Sighting[],
): Promise<readonly SeriesChange[]> {
  if (sightings.length === 0) return []
  const { rows } = await client.query<SeriesChange>(
    `with seen as (
       insert into usage_distinct_values as stored
         (customer_id, series_id, value_hash, organization_id, last_at, last_arrival, is_present)
       select customer_id, series_id, value_hash, $1, at, arrival, is_present
       from unnest($2::integer[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::bigint[], $7::boolean[])
         as sighting (customer_id, series_id, value_hash, at, arrival, is_present)
       order by customer_id, series_id, value_hash
       on conflict (customer_id, series_id, value_hash) do update
         set last_at = excluded.last_at, last_arrival = excluded.last_arrival, is_present = excluded.is_present
         where (stored.last_at, stored.last_arrival) < (excluded.last_at, excluded.last_arrival)
       returning new.customer_id, new.series_id, old.last_at as left_at, old.is_present as was_present,
         new.last_at as seen_at, new.is_present as is_present)
     select series_id as "seriesId", ${QUARTER_HOUR_OF_AT} as bucket,
       sum(values)::integer as values, sum(present)::integer as present
     from (
       select customer_id, series_id, seen_at as at, 1 as values, is_present::integer as present from seen
       union all
       select customer_id, series_id, left_at, -1, -was_present::integer from seen where left_at is not null) change
     group by 1, 2
     having sum(values) <> 0 or sum(present) <> 0`,
    [organizationId, ...columnsOf(latestOf(sightings))],
  )
  return rows
}

const QUARTER_HOUR_OF_AT = 'floor(extract(epoch from at) / 900)::integer'

/** Forgets values whose last event counts no more. */
async function withdrawSighting(
  client: Statements,
  organizationId: number,
  sightings: readonly Sighting[],
): Promise<readonly SeriesChange[]> {
  if (sightings.length === 0) return []
  const { rows } = await client.query<SeriesChange>(
    `with forgotten as (
       delete from usage_distinct_values stored
       using unnest($2::integer[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::bigint[], $7::boolean[])
         as sighting (customer_id, series_id, value_hash, at, arrival, is_present)
       where stored.organization_id = $1 and stored.customer_id = sighting.customer_id
         and stored.series_id = sighting.series_id and stored.value_hash = sighting.value_hash
         and stored.last_at = sighting.at and stored.last_arrival = sighting.arrival
       returning stored.series_id, stored.last_at as at, stored.is_present)
     select series_id as "seriesId", ${QUARTER_HOUR_OF_AT} as bucket,
       -count(*)::integer as values, -count(*) filter (where is_present)::integer as present
     from forgotten group by 1, 2`,
    [organizationId, ...columnsOf(sightings)],
  )
  return rows
}

function columnsOf(sightings: readonly Sighting[]): unknown[] {
  return [
    sightings.map(({ customerId }) => customerId),
    sightings.map(({ seriesId }) => seriesId),
    sightings.map(({ valueHash }) => valueHash),
    sightings.map(({ timestampMicros }) => isoOfMicros(timestampMicros)),
    sightings.map(({ arrival }) => arrival.toString()),
    sightings.map(({ isRemoval }) => !isRemoval),
  ]
}

// A statement changes a row once.
function latestOf(sightings: readonly Sighting[]): Sighting[] {
  const latest = new Map<string, Sighting>()
  for (const sighting of sightings) {
    const key = `${sighting.seriesId}/${sighting.valueHash}`
    const other = latest.get(key)
    if (other === undefined || isLater(sighting, other)) latest.set(key, sighting)
  }
  return [...latest.values()]
}

function isLater(one: Sighting, other: Sighting): boolean {
  if (one.timestampMicros !== other.timestampMicros) return one.timestampMicros > other.timestampMicros
  return one.arrival > other.arrival
}
