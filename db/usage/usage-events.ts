import type { PoolClient } from 'pg'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { copyField, copyRows } from '../copy.ts'

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
  rows: readonly StoredUsageEvent[],
): Promise<void> {
  await copyRows(
    client,
    `usage_events (customer_id, organization_id, "timestamp", event_key, received_at, code, source, transaction_id,
       external_subscription_id, arrival, amount_minor, properties)`,
    rows,
    ({ customerId, eventKey, receivedAt, arrival, event }) =>
      `${customerId}\t${organizationId}\t${isoOfMicros(event.timestampMicros)}\t${eventKey}\t${receivedAt}\t` +
      `${copyField(event.code)}\t${copyField(event.source)}\t${copyField(event.transactionId)}\t` +
      `${copyField(event.externalSubscriptionId)}\t${arrival}\t${event.preciseTotalAmountCents ?? '\\N'}\t` +
      copyField(JSON.stringify(event.properties)),
  )
}
