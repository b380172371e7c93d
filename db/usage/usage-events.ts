import type { PoolClient } from 'pg'
import { assert } from '../../shared/errors.ts'
import { parseTimestampMicros } from '../../shared/metering/timestamp.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { copyRows } from '../copy.ts'

/** A raw event on its way into the table; immutable from then on. */
export interface StoredUsageEvent {
  readonly customerId: number
  readonly eventKey: string
  readonly receivedAt: string
  /** Its place in the order of arrival. */
  readonly arrival: bigint
  readonly event: UsageEvent
}

/** Appends raw events. Their keys must have been claimed in the same transaction. */
export async function insertUsageEvents(
  client: PoolClient,
  organizationId: number,
  rows: Iterable<StoredUsageEvent>,
): Promise<void> {
  const receivedMicros = timesReceived()
  await copyRows(
    client,
    `usage_events (customer_id, organization_id, "timestamp", event_key, received_at, code, source, transaction_id,
       external_subscription_id, arrival, amount_minor, properties)`,
    rows,
    ({ customerId, eventKey, receivedAt, arrival, event }, to) => {
      to.row(12).integer(customerId).integer(organizationId).timestamp(event.timestampMicros).uuid(eventKey)
      to.timestamp(receivedMicros(receivedAt)).text(event.code).text(event.source).text(event.transactionId)
      to.text(event.externalSubscriptionId)
        .bigint(arrival)
        .numeric(event.preciseTotalAmountCents ?? null)
      to.jsonb(JSON.stringify(event.properties))
    },
  )
}

// All events of a job were received at the same time.
function timesReceived(): (receivedAt: string) => number {
  let last = { text: '', micros: 0 }
  return (text) => {
    if (text !== last.text) {
      const micros = parseTimestampMicros(text)
      assert(micros !== undefined, `events were received at "${text}"`)
      last = { text, micros }
    }
    return last.micros
  }
}
