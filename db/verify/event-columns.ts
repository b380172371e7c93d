import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { readStoredEvent } from '../usage/read-stored-event.ts'

/** A raw event and its key, for queries that have it as `event`. */
export const EVENT_COLUMNS = `event.customer_id as "customerId", event.event_key as "eventKey",
    (extract(epoch from event."timestamp") * 1000000)::bigint::text as micros, event.code, event.source,
    event.transaction_id as "transactionId", event.external_subscription_id as "externalSubscriptionId",
    event.amount_minor::text as "amountMinor", event.properties::text as properties`

/** What these columns give. */
export interface EventColumns {
  readonly customerId: number
  readonly eventKey: string
  readonly micros: string
  readonly code: string
  readonly source: string
  readonly transactionId: string
  readonly externalSubscriptionId: string | null
  readonly amountMinor: string | null
  readonly properties: string
}

export function eventOfColumns({
  micros,
  code,
  source,
  transactionId,
  externalSubscriptionId,
  amountMinor,
  properties,
}: EventColumns): UsageEvent {
  return readStoredEvent({
    code,
    source,
    transactionId,
    externalSubscriptionId,
    amountMinor,
    timestampMicros: Number(micros),
    properties: parseExactJson(properties) as Record<string, unknown>,
  })
}
