import { dimensionsOf } from '../../shared/metering/count-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { refuseArchived } from '../archives/archived-usage.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import { statementsOf } from '../statements.ts'
import { countStoredEvent, type StoredEventRow } from './count-stored-event.ts'
import { notRefusedText } from './refused-events.ts'
import type { UsageQuestion, UsageSlice } from './usage-question.ts'

/** A half-open range of time that one question asks about. */
export interface RawRange {
  readonly position: number
  readonly startMicros: number
  readonly endMicros: number
}

interface EventRow extends StoredEventRow {
  readonly position: number
}

/**
 * What raw events say to their questions, one slice an event, in order of time, then arrival. Throws `usage_archived` where
 * some of them are archived.
 */
export async function readEvents(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
  ranges: readonly RawRange[],
): Promise<UsageSlice[]> {
  if (ranges.length === 0) return []
  const asked = ranges.map((range) => questions[range.position])
  const rows = await runPrepared<EventRow>(transaction, EVENTS, [
    organizationId,
    ranges.map((range) => range.position),
    asked.map((question) => question?.customerId),
    asked.map((question) => question?.metric.eventCode),
    asked.map((question) => question?.externalSubscriptionId),
    asked.map((question) => question?.metric.id),
    ranges.map((range) => isoOfMicros(range.startMicros)),
    ranges.map((range) => isoOfMicros(range.endMicros)),
  ])
  // After they were read: a month may be archived at any moment, and is empty to whoever waited for that.
  await refuseArchived(
    statementsOf(transaction),
    organizationId,
    ranges.map(({ startMicros, endMicros }) => ({ start: isoOfMicros(startMicros), end: isoOfMicros(endMicros) })),
  )
  return rows.flatMap((row) => sliceOf(row, questions))
}

// Lists that are selected are unknown to the planner, so that it keeps one plan: over all partitions planning takes long.
const EVENTS = prepared(
  `select asked.position, event."timestamp", event.arrival::text as arrival, event.amount_minor::text as amount_minor,
     event.properties::text as properties
   from unnest((select $2::integer[]), (select $3::integer[]), (select $4::text[]), (select $5::text[]),
       (select $6::uuid[]), (select $7::timestamptz[]), (select $8::timestamptz[]))
     as asked (position, customer_id, event_code, external_subscription_id, metric_id, range_start, range_end)
   cross join lateral (
     select "timestamp", arrival, amount_minor, properties from live_usage_events
     where customer_id = asked.customer_id and "timestamp" >= asked.range_start and "timestamp" < asked.range_end
       and organization_id = $1 and code = asked.event_code
       and external_subscription_id is not distinct from asked.external_subscription_id
       and ${notRefusedText('$1', 'live_usage_events', 'asked.metric_id')}
   ) event
   order by asked.position, event."timestamp", event.arrival`,
)

function sliceOf(row: EventRow, questions: readonly UsageQuestion[]): UsageSlice[] {
  const question = questions[row.position]
  if (question === undefined) return []
  const { metric, source } = question
  const counted = countStoredEvent(row, metric)
  if (counted === undefined) return []
  const { part, value } = counted
  const dimensions = dimensionsOf(value, metric)
  return [{ position: row.position, dimensions, part, events: source === 'rollups' ? [] : [value] }]
}
