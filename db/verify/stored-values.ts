import { readCursor } from '../cursor.ts'
import type { Statements } from '../statements.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import type { UsageDay } from './counted-days.ts'
import type { LastSighting } from './last-sighting.ts'
import { seriesKey } from './series-key.ts'
import type { StoredRange } from './stored-days.ts'

/** The stored distinct values of a selection, by the day of their last event, in order of customer, then time. */
export async function* readStoredValueDays(client: Statements, range: StoredRange): AsyncGenerator<UsageDay, void> {
  let open: OpenDay | undefined
  for await (const row of readCursor<StoredValueRow>(client, { name: 'stored_values', ...storedValuesQuery(range) })) {
    if (open === undefined || open.customerId !== row.customerId || open.day !== row.day) {
      if (open !== undefined) yield open
      open = { customerId: row.customerId, day: row.day, rollups: [], series: new Map(), values: new Map() }
    }
    const { customerId, metricId, externalSubscriptionId, generation, dimensions } = row
    const identity = { customerId, metricId, externalSubscriptionId, generation, dimensions }
    const key = seriesKey(identity)
    open.series.set(key, identity)
    open.values.getOrInsertComputed(key, () => new Map<string, LastSighting>()).set(row.valueHash, sightingOf(row))
  }
  if (open !== undefined) yield open
}

interface OpenDay extends UsageDay {
  readonly series: Map<string, SeriesIdentity>
  readonly values: Map<string, Map<string, LastSighting>>
}

interface SightingRow {
  readonly valueHash: string
  readonly micros: string
  readonly arrival: string
  readonly isPresent: boolean
}

interface StoredValueRow extends SightingRow, SeriesIdentity {
  readonly day: number
}

const SIGHTING_COLUMNS = `replace(value.value_hash::text, '-', '') as "valueHash",
  (extract(epoch from value.last_at) * 1000000)::bigint::text as micros, value.last_arrival::text as arrival,
  value.is_present as "isPresent"`

function sightingOf({ micros, arrival, isPresent }: SightingRow): LastSighting {
  return { micros: Number(micros), arrival: BigInt(arrival), isPresent }
}

function storedValuesQuery({ organizationId, customerId, metrics }: StoredRange) {
  return {
    text: `select value.customer_id as "customerId", floor(extract(epoch from value.last_at) / 86400)::integer as day,
        series.billable_metric_id::text as "metricId", series.external_subscription_id as "externalSubscriptionId",
        series.generation, series.dimensions, ${SIGHTING_COLUMNS}
      from usage_distinct_values value
      join usage_series series on series.customer_id = value.customer_id and series.series_id = value.series_id
      where value.organization_id = $1 and ($2::integer is null or value.customer_id = $2)
        and series.billable_metric_id = any($3::uuid[])
      order by value.customer_id, day`,
    parameters: [organizationId, customerId ?? null, metrics.map(({ id }) => id)],
  }
}

/** A value of a series, by its hash. */
export interface ValueKey {
  readonly seriesId: string
  readonly valueHash: string
}

const VALUES_PER_LOOKUP = 5_000

/** What is stored of values of a customer, in the order given; undefined where nothing is. */
export async function findStoredValues(
  client: Statements,
  { organizationId, customerId, keys }: { organizationId: number; customerId: number; keys: readonly ValueKey[] },
): Promise<readonly (LastSighting | undefined)[]> {
  const found: (LastSighting | undefined)[] = []
  for (let from = 0; from < keys.length; from += VALUES_PER_LOOKUP) {
    const page = keys.slice(from, from + VALUES_PER_LOOKUP)
    const { rows } = await client.query<SightingRow & { position: string }>(
      `select wanted.position::text as position, ${SIGHTING_COLUMNS}
       from unnest($3::bigint[], $4::uuid[]) with ordinality as wanted (series_id, value_hash, position)
       join usage_distinct_values value on value.customer_id = $2 and value.series_id = wanted.series_id
         and value.value_hash = wanted.value_hash
       where value.organization_id = $1`,
      [organizationId, customerId, page.map(({ seriesId }) => seriesId), page.map(({ valueHash }) => valueHash)],
    )
    const byPosition = new Map(rows.map((row) => [Number(row.position) - 1, sightingOf(row)]))
    found.push(...page.map((_, position) => byPosition.get(position)))
  }
  return found
}
