import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'
import type { UnprocessedEvent } from '../usage/unprocessed-events.ts'

interface EventAfterEnd extends Pick<UnprocessedEvent, 'customerId' | 'eventKey' | 'code' | 'transactionId'> {
  readonly at: Temporal.Instant
  readonly externalSubscriptionId: string
}

/**
 * Events that were counted before the subscriptions that they name got an end, and come after it: as entries for the list,
 * which does not have them yet.
 */
export async function listEventsAfterEnd(
  client: Statements,
  organizationId: number,
  { subscriptionIds, limit }: { subscriptionIds: readonly string[]; limit: number },
): Promise<UnprocessedEvent[]> {
  const { rows } = await client.query<EventAfterEnd>(
    `select event.customer_id as "customerId", event.event_key as "eventKey", event."timestamp" as at, event.code,
       event.transaction_id as "transactionId", event.external_subscription_id as "externalSubscriptionId"
     from subscriptions ended
     join live_usage_events event on event.customer_id = ended.customer_id and event."timestamp" >= ended.ended_at
       and event.external_subscription_id = ended.external_id
     where ended.organization_id = $1 and ended.id = any($2::uuid[]) and event.organization_id = $1
       and not exists (
         select from subscriptions paying
         where paying.organization_id = $1 and paying.customer_id = event.customer_id
           and paying.external_id = event.external_subscription_id and paying.started_at <= event."timestamp"
           and (paying.ended_at is null or paying.ended_at > event."timestamp"))
       and not exists (
         select from unprocessed_events entry
         where entry.customer_id = event.customer_id and entry.event_key = event.event_key
           and entry.reason in ('subscription_not_found', 'subscription_not_running'))
     limit $3`,
    [organizationId, subscriptionIds, limit],
  )
  return rows.map(({ at, externalSubscriptionId, ...event }) => ({
    ...event,
    timestampMicros: microsOfInstant(at),
    metricId: null,
    reason: 'subscription_not_running',
    details: { external_subscription_id: externalSubscriptionId },
  }))
}
