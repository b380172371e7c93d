import { sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { contributionOf } from '../../shared/metering/contribution.ts'
import { dimensionsOf } from '../../shared/metering/count-event.ts'
import { isoOfMicros, microsOfInstant } from '../../shared/metering/timestamp.ts'
import { partOfEvent } from '../../shared/metering/usage-part.ts'
import { decimal } from '../../shared/money/decimal.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'
import type { UsageQuestion, UsageSlice } from './usage-question.ts'

/** A half-open range of time that one question asks about. */
export interface RawRange {
  readonly position: number
  readonly startMicros: number
  readonly endMicros: number
}

interface EventRow {
  readonly position: number
  readonly timestamp: Temporal.Instant
  readonly arrival: string
  readonly amountMinor: string | null
  readonly properties: string
}

/** What raw events say to their questions, one slice an event, in order of time, then arrival. */
export async function readEvents(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
  ranges: readonly RawRange[],
): Promise<UsageSlice[]> {
  if (ranges.length === 0) return []
  const asked = ranges.map((range) => questions[range.position])
  const { rows } = await sql<EventRow>`
    select asked.position, event."timestamp", event.arrival::text as arrival, event.amount_minor::text as amount_minor,
      event.properties::text as properties
    from unnest(${list(ranges.map((range) => range.position))}::integer[],
                ${list(asked.map((question) => question?.customerId))}::integer[],
                ${list(asked.map((question) => question?.metric.eventCode))}::text[],
                ${list(asked.map((question) => question?.externalSubscriptionId))}::text[],
                ${list(ranges.map((range) => isoOfMicros(range.startMicros)))}::timestamptz[],
                ${list(ranges.map((range) => isoOfMicros(range.endMicros)))}::timestamptz[])
      as asked (position, customer_id, event_code, external_subscription_id, range_start, range_end)
    cross join lateral (
      select "timestamp", arrival, amount_minor, properties from usage_events
      where customer_id = asked.customer_id and "timestamp" >= asked.range_start and "timestamp" < asked.range_end
        and organization_id = ${organizationId} and code = asked.event_code
        and external_subscription_id is not distinct from asked.external_subscription_id
    ) event
    order by asked.position, event."timestamp", event.arrival`.execute(transaction)
  return rows.flatMap((row) => sliceOf(row, questions))
}

function sliceOf(row: EventRow, questions: readonly UsageQuestion[]): UsageSlice[] {
  const question = questions[row.position]
  if (question === undefined) return []
  const { metric, source } = question
  const timestampMicros = microsOfInstant(row.timestamp)
  const properties = parseExactJson(row.properties) as Record<string, unknown>
  const contribution = contributionOf({ code: metric.eventCode, timestampMicros, properties }, metric)
  if (!('value' in contribution)) return []
  const { value } = contribution
  // A distinct count's value is an item; what adds up is that there was one.
  const added = decimal(metric.aggregation === 'unique_count' ? '1' : value)
  const amountMinor = row.amountMinor === null ? null : decimal(row.amountMinor)
  return [
    {
      position: row.position,
      dimensions: dimensionsOf({ properties }, metric),
      part: partOfEvent(added, timestampMicros, BigInt(row.arrival)),
      events: source === 'events' ? [{ value, timestampMicros, amountMinor, properties }] : [],
    },
  ]
}
