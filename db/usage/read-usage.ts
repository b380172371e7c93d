import { type RawBuilder, sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { AGGREGATIONS, type AggregationName } from '../../shared/metering/aggregations.ts'
import { cutIntoBuckets } from '../../shared/metering/buckets.ts'
import { isoOfMicros, microsOfInstant } from '../../shared/metering/timestamp.ts'
import { decimal, type Exact, ZERO } from '../../shared/money/decimal.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** One question: what a metric counted for a customer in a half-open range of time. */
export interface UsageQuestion {
  readonly customerId: number
  readonly metric: UsageMetric
  /** Usage of events that name this subscription; null: of those that name none. */
  readonly externalSubscriptionId: string | null
  readonly start: Temporal.Instant
  readonly end: Temporal.Instant
}

/** What reading usage needs to know of a billable metric. */
export interface UsageMetric {
  readonly id: string
  readonly eventCode: string
  readonly aggregation: AggregationName
  readonly fieldName: string | null
}

export interface Usage {
  readonly units: Exact
  readonly eventsCount: bigint
}

/**
 * Answers questions about usage, in their order: whole buckets from the rollups, the edges that cut through a bucket
 * from the raw events, counted by the same rule that fills the rollups.
 */
export async function readUsage(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
): Promise<readonly Usage[]> {
  const cuts = questions.map(({ start, end }) => cutIntoBuckets(microsOfInstant(start), microsOfInstant(end)))
  const bucketRanges = cuts.flatMap(({ days, quarterHours }, position) => [
    ...(days.from < days.to ? [{ position, level: 1, ...days }] : []),
    ...quarterHours.map((range) => ({ position, level: 0, ...range })),
  ])
  const edges = cuts.flatMap(({ raw }, position) => raw.map((range) => ({ position, ...range })))
  const parts = [
    ...(await readRollups(transaction, organizationId, questions, bucketRanges)),
    ...(await readEdges(transaction, organizationId, questions, edges)),
  ]
  const usage = questions.map(() => ({ units: ZERO, eventsCount: 0n }))
  for (const part of parts) {
    const sum = usage[part.position]
    if (sum === undefined) continue
    usage[part.position] = { units: sum.units.plus(part.units), eventsCount: sum.eventsCount + part.eventsCount }
  }
  return usage
}

interface UsagePart extends Usage {
  readonly position: number
}

interface BucketRangeOf {
  readonly position: number
  readonly level: number
  readonly from: number
  readonly to: number
}

async function readRollups(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
  ranges: readonly BucketRangeOf[],
): Promise<UsagePart[]> {
  if (ranges.length === 0) return []
  const asked = ranges.map((range) => questions[range.position])
  const { rows } = await sql<{ position: number; units: string; eventsCount: string }>`
    select asked.position, sum(rollup.value_sum)::text as units, sum(rollup.events_count)::text as events_count
    from unnest(${list(ranges.map((range) => range.position))}::integer[],
                ${list(asked.map((question) => question?.customerId))}::integer[],
                ${list(asked.map((question) => question?.metric.id))}::uuid[],
                ${list(asked.map((question) => question?.externalSubscriptionId))}::text[],
                ${list(ranges.map((range) => range.level))}::smallint[],
                ${list(ranges.map((range) => range.from))}::integer[],
                ${list(ranges.map((range) => range.to))}::integer[])
      as asked (position, customer_id, metric_id, external_subscription_id, level, first_bucket, end_bucket)
    join usage_series series on series.customer_id = asked.customer_id
      and series.billable_metric_id = asked.metric_id
      and series.external_subscription_id is not distinct from asked.external_subscription_id
    join usage_rollups rollup on rollup.customer_id = series.customer_id and rollup.series_id = series.series_id
      and rollup.level = asked.level and rollup.bucket >= asked.first_bucket and rollup.bucket < asked.end_bucket
    where series.organization_id = ${organizationId} and rollup.organization_id = ${organizationId}
    group by asked.position`.execute(transaction)
  return rows.map((row) => ({
    position: row.position,
    units: decimal(row.units),
    eventsCount: BigInt(row.eventsCount),
  }))
}

async function readEdges(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
  edges: readonly { position: number; startMicros: number; endMicros: number }[],
): Promise<UsagePart[]> {
  if (edges.length === 0) return []
  const asked = edges.map((edge) => questions[edge.position])
  const { rows } = await sql<{ position: number; properties: string }>`
    select asked.position, event.properties::text as properties
    from unnest(${list(edges.map((edge) => edge.position))}::integer[],
                ${list(asked.map((question) => question?.customerId))}::integer[],
                ${list(asked.map((question) => question?.metric.eventCode))}::text[],
                ${list(asked.map((question) => question?.externalSubscriptionId))}::text[],
                ${list(edges.map((edge) => isoOfMicros(edge.startMicros)))}::timestamptz[],
                ${list(edges.map((edge) => isoOfMicros(edge.endMicros)))}::timestamptz[])
      as asked (position, customer_id, event_code, external_subscription_id, edge_start, edge_end)
    cross join lateral (
      select properties from usage_events
      where customer_id = asked.customer_id and "timestamp" >= asked.edge_start and "timestamp" < asked.edge_end
        and organization_id = ${organizationId} and code = asked.event_code
        and external_subscription_id is not distinct from asked.external_subscription_id
    ) event`.execute(transaction)
  return rows.flatMap(({ position, properties }) => {
    const metric = questions[position]?.metric
    if (metric === undefined) return []
    const event = { properties: parseExactJson(properties) as Record<string, unknown> }
    const contribution = AGGREGATIONS[metric.aggregation].contribution(event, metric.fieldName)
    return 'value' in contribution ? [{ position, units: decimal(contribution.value), eventsCount: 1n }] : []
  })
}

function list<Value>(values: readonly Value[]): RawBuilder<unknown> {
  return sql`${values}`
}
