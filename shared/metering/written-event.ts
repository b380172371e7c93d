import { isoOfMicros } from './timestamp.ts'
import type { UsageEvent } from './usage-event.ts'

/** The JSON text of an event in the fields of the API, so that it can be sent again as it is. */
export function writtenEvent(event: UsageEvent): string {
  const { externalSubscriptionId, preciseTotalAmountCents, producer, source } = event
  return JSON.stringify({
    transaction_id: event.transactionId,
    ...(source === '' ? {} : { source }),
    external_customer_id: event.externalCustomerId,
    ...(externalSubscriptionId === null ? {} : { external_subscription_id: externalSubscriptionId }),
    code: event.code,
    timestamp: isoOfMicros(event.timestampMicros),
    ...(preciseTotalAmountCents === undefined ? {} : { precise_total_amount_cents: preciseTotalAmountCents }),
    properties: event.properties,
    ...(producer === undefined ? {} : { producer_id: producer.id, producer_sequence: producer.sequence }),
  })
}
