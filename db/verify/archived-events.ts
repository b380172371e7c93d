import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { ArchivedUsage } from '../archives/archived-usage.ts'
import { boundsOfMonth } from '../archives/usage-month.ts'
import type { Statements } from '../statements.ts'
import { readStoredEvent } from '../usage/read-stored-event.ts'
import type { StoredUsageEvent } from '../usage/usage-events.ts'
import type { LiveEvent } from './live-events.ts'

/** Reads the events of a folder, each as its JSON, in order of customer, time and arrival. Of one customer where one is named. */
export type ReadArchive = (usage: ArchivedUsage, customerId: number | undefined) => AsyncIterable<string>

/** An archived event, those included that a correction took away. */
export interface ArchivedEvent extends LiveEvent {
  readonly isCorrected: boolean
}

/** The events of a folder, in order of customer, time and arrival. */
export async function* readArchivedEvents(
  client: Statements,
  { usage, customerId, read }: { usage: ArchivedUsage; customerId: number | undefined; read: ReadArchive },
): AsyncGenerator<ArchivedEvent, void> {
  const { start, end } = boundsOfMonth(usage.month)
  const parameters = [usage.organizationId, start.toString(), end.toString()]
  const corrected = await client.query<{ key: string }>(CORRECTED, [...parameters])
  const entries = await client.query<{ key: string; metricIds: string[] }>(UNCOUNTED, [...parameters])
  const gone = new Set(corrected.rows.map(({ key }) => key))
  const uncounted = new Map(entries.rows.map(({ key, metricIds }) => [key, metricIds]))
  for await (const json of read(usage, customerId)) {
    const row = parseExactJson(json) as ArchivedRow
    if (customerId !== undefined && row.customer_id !== customerId) continue
    const key = `${row.customer_id}/${row.event_key}`
    yield { ...eventOf(row), uncountedFor: uncounted.get(key) ?? [], isCorrected: gone.has(key) }
  }
}

const CORRECTED = `
  select customer_id || '/' || event_key as key from event_corrections
  where organization_id = $1 and "timestamp" >= $2 and "timestamp" < $3`

const UNCOUNTED = `
  select customer_id || '/' || event_key as key, array_agg(billable_metric_id::text) as "metricIds"
  from unprocessed_events
  where organization_id = $1 and "timestamp" >= $2 and "timestamp" < $3 and billable_metric_id is not null
  group by 1`

interface ArchivedRow {
  readonly customer_id: number
  readonly event_key: string
  readonly timestamp_micros: number
  readonly received_at: string
  readonly arrival: string
  readonly code: string
  readonly source: string
  readonly transaction_id: string
  readonly external_subscription_id: string | null
  readonly amount_minor: string | null
  readonly properties: Readonly<Record<string, unknown>>
}

function eventOf(row: ArchivedRow): StoredUsageEvent {
  return {
    customerId: row.customer_id,
    eventKey: row.event_key,
    receivedAt: row.received_at,
    arrival: BigInt(row.arrival),
    event: readStoredEvent({
      source: row.source,
      transactionId: row.transaction_id,
      code: row.code,
      externalSubscriptionId: row.external_subscription_id,
      timestampMicros: row.timestamp_micros,
      amountMinor: row.amount_minor,
      properties: row.properties,
    }),
  }
}
