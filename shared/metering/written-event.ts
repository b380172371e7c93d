import { parseExactJson } from '../json/exact-json.ts'
import { isoOfMicros, microsOfInstant } from './timestamp.ts'
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

/**
 * The event of such a text. It was accepted once and is not judged again. The text always has a time, so whether that was
 * the time of receipt is told beside it.
 */
export function readWrittenEvent(text: string, { timedByServer }: Pick<UsageEvent, 'timedByServer'>): UsageEvent {
  const written = parseExactJson(text) as WrittenEvent
  const { precise_total_amount_cents: amount, producer_id: id, producer_sequence: sequence } = written
  return {
    externalCustomerId: written.external_customer_id,
    source: written.source ?? '',
    transactionId: written.transaction_id,
    code: written.code,
    externalSubscriptionId: written.external_subscription_id ?? null,
    timestampMicros: microsOfInstant(Temporal.Instant.from(written.timestamp)),
    timedByServer,
    ...(amount === undefined ? {} : { preciseTotalAmountCents: amount }),
    ...(id === undefined || sequence === undefined ? {} : { producer: { id, sequence } }),
    properties: written.properties,
  }
}

interface WrittenEvent {
  readonly transaction_id: string
  readonly source?: string
  readonly external_customer_id: string
  readonly external_subscription_id?: string
  readonly code: string
  readonly timestamp: string
  readonly precise_total_amount_cents?: string
  readonly properties: UsageEvent['properties']
  readonly producer_id?: string
  readonly producer_sequence?: number
}
