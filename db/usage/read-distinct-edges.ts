import { sql } from 'kysely'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { distinctValueHash } from '../../shared/metering/unique-count.ts'
import { NO_USAGE } from '../../shared/metering/usage-part.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'
import type { RawRange } from './read-events.ts'
import type { UsageQuestion, UsageSlice } from './usage-question.ts'

/**
 * How many of the values in raw events, at the edges of what questions about distinct values ask for, were last seen
 * there. A value that was has an event there, so no other value needs to be looked up.
 */
export async function readDistinctEdges(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
  { ranges, events }: { ranges: readonly RawRange[]; events: readonly UsageSlice[] },
): Promise<UsageSlice[]> {
  const asked = askedValues(questions, ranges, events)
  if (asked.length === 0) return []
  const { rows } = await sql<EdgeRow>`
    select asked.position, asked.dimensions, count(*)::text as present, bool_and(series.distinct_exact) as is_exact
    from unnest(${list(asked.map(({ position }) => position))}::integer[],
                ${list(asked.map(({ question }) => question.customerId))}::integer[],
                ${list(asked.map(({ question }) => question.metric.id))}::uuid[],
                ${list(asked.map(({ question }) => question.metric.generation))}::integer[],
                ${list(asked.map(({ question }) => question.externalSubscriptionId))}::text[],
                ${list(asked.map(({ dimensions }) => JSON.stringify(dimensions)))}::jsonb[],
                ${list(asked.map(({ valueHash }) => valueHash))}::uuid[],
                ${list(asked.map(({ range }) => isoOfMicros(range.startMicros)))}::timestamptz[],
                ${list(asked.map(({ range }) => isoOfMicros(range.endMicros)))}::timestamptz[])
      as asked (position, customer_id, metric_id, generation, external_subscription_id, dimensions, value_hash,
        range_start, range_end)
    join usage_series series on series.customer_id = asked.customer_id
      and series.billable_metric_id = asked.metric_id and series.generation = asked.generation
      and series.external_subscription_id is not distinct from asked.external_subscription_id
      and series.dimensions = asked.dimensions
    join usage_distinct_values value on value.customer_id = series.customer_id and value.series_id = series.series_id
      and value.value_hash = asked.value_hash
    where series.organization_id = ${organizationId} and value.organization_id = ${organizationId} and value.is_present
      and value.last_at >= asked.range_start and value.last_at < asked.range_end
    group by asked.position, asked.dimensions`.execute(transaction)
  return rows.map(({ position, dimensions, present, isExact }) => ({
    position,
    dimensions,
    part: NO_USAGE,
    events: [],
    distinct: { present: BigInt(present), isExact },
  }))
}

interface EdgeRow {
  readonly position: number
  readonly dimensions: Record<string, string>
  readonly present: string
  readonly isExact: boolean
}

interface AskedValue {
  readonly position: number
  readonly question: UsageQuestion
  readonly dimensions: Readonly<Record<string, string>>
  readonly valueHash: string
  readonly range: RawRange
}

// Once each, however many events it has at an edge.
function askedValues(
  questions: readonly UsageQuestion[],
  ranges: readonly RawRange[],
  events: readonly UsageSlice[],
): AskedValue[] {
  const asked = new Map<string, AskedValue>()
  for (const { position, dimensions, events: values } of events) {
    const question = questions[position]
    if (question?.source !== 'distinct') continue
    for (const { value, timestampMicros } of values) {
      const valueHash = distinctValueHash(value)
      const range = ranges.find(
        ({ position: of, startMicros, endMicros }) =>
          of === position && startMicros <= timestampMicros && timestampMicros < endMicros,
      )
      if (range === undefined) continue
      const key = JSON.stringify([position, dimensions, valueHash, range.startMicros])
      asked.set(key, { position, question, dimensions, valueHash, range })
    }
  }
  return [...asked.values()]
}
