import { bucketOf, QUARTER_HOUR, QUARTER_HOUR_MICROS } from '../../shared/metering/buckets.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import type { RawRange } from './read-events.ts'
import type { UsageQuestion } from './usage-question.ts'

/**
 * Of edges that cut through a bucket, those whose customer has no event in the other part of it: of them the bucket tells
 * what raw events would. A subscription that a customer begins with is the usual case. In archived months only raw events
 * could say so.
 */
export async function findWholeEdges(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
  edges: readonly RawRange[],
): Promise<ReadonlySet<RawRange | undefined>> {
  if (edges.length === 0) return new Set()
  const bucketStarts = edges.map(({ startMicros }) => bucketOf(QUARTER_HOUR, startMicros) * QUARTER_HOUR_MICROS)
  const rows = await runPrepared<{ position: string }>(transaction, WHOLE_EDGES, [
    organizationId,
    edges.map(({ position }) => questions[position]?.customerId),
    bucketStarts.map(isoOfMicros),
    edges.map(({ startMicros }) => isoOfMicros(startMicros)),
    edges.map(({ endMicros }) => isoOfMicros(endMicros)),
    bucketStarts.map((micros) => isoOfMicros(micros + QUARTER_HOUR_MICROS)),
  ])
  return new Set(rows.map(({ position }) => edges[Number(position) - 1]))
}

// The lists come from selects, so that a plan that knows their values is no better than one that does not, and is not made.
const WHOLE_EDGES = prepared(
  `select edge.position
   from unnest((select $2::integer[]), (select $3::timestamptz[]), (select $4::timestamptz[]),
       (select $5::timestamptz[]), (select $6::timestamptz[]))
     with ordinality as edge (customer_id, bucket_start, range_start, range_end, bucket_end, position)
   where not exists (
     select from (values (edge.bucket_start, edge.range_start), (edge.range_end, edge.bucket_end)) as other (since, until)
     cross join lateral (
       select from usage_events
       where customer_id = edge.customer_id and organization_id = $1
         and "timestamp" >= other.since and "timestamp" < other.until
       limit 1) event)
   and not exists (
     select from archived_usage
     where organization_id = $1 and month = date_trunc('month', edge.bucket_start at time zone 'UTC')::date)`,
)
