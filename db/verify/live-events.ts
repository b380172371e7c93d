import { DAY_MICROS } from '../../shared/metering/buckets.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { readCursor } from '../cursor.ts'
import type { Statements } from '../statements.ts'
import type { StoredUsageEvent } from '../usage/usage-events.ts'
import { EVENT_COLUMNS, type EventColumns, eventOfColumns } from './event-columns.ts'

/** A raw event, and the metrics that are known not to count it. */
export interface LiveEvent extends StoredUsageEvent {
  readonly uncountedFor: readonly string[]
}

/** Which raw events are read. */
export interface LiveEventRange {
  readonly organizationId: number
  readonly customerId: number | undefined
  readonly eventCodes: readonly string[]
  /** Number of the only day; undefined: all. */
  readonly day?: number | undefined
}

/** The raw events of a range in order of customer, time and arrival, a page in memory at a time. */
export async function* readLiveEvents(client: Statements, range: LiveEventRange): AsyncGenerator<LiveEvent, void> {
  for await (const row of readCursor<LiveEventRow>(client, { name: 'live_events', ...liveEventsQuery(range) })) {
    yield liveEventOf(row)
  }
}

interface LiveEventRow extends EventColumns {
  readonly receivedAt: string
  readonly arrival: string
  readonly uncountedFor: readonly string[] | null
}

// An entry means that its metric does not count the event, whatever its definition says by now.
function liveEventsQuery({ organizationId, customerId, eventCodes, day }: LiveEventRange) {
  const bounds = day === undefined ? [null, null] : [day, day + 1].map((number) => isoOfMicros(number * DAY_MICROS))
  return {
    text: `select ${EVENT_COLUMNS}, event.received_at::text as "receivedAt", event.arrival::text as arrival,
        (select array_agg(entry.billable_metric_id::text) from unprocessed_events entry
         where entry.customer_id = event.customer_id and entry.event_key = event.event_key
           and entry.billable_metric_id is not null) as "uncountedFor"
      from live_usage_events event
      where event.organization_id = $1 and ($2::integer is null or event.customer_id = $2) and event.code = any($3::text[])
        and event."timestamp" >= coalesce($4::timestamptz, '-infinity')
        and event."timestamp" < coalesce($5::timestamptz, 'infinity')
      order by event.customer_id, event."timestamp", event.arrival`,
    parameters: [organizationId, customerId ?? null, eventCodes, ...bounds],
  }
}

function liveEventOf(row: LiveEventRow): LiveEvent {
  const { customerId, eventKey, receivedAt, arrival, uncountedFor } = row
  return {
    customerId,
    eventKey,
    receivedAt,
    arrival: BigInt(arrival),
    event: eventOfColumns(row),
    uncountedFor: uncountedFor ?? [],
  }
}
