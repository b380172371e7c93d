import type { WebhookEventType } from '../shared/webhooks/event-types.ts'
import type { OrganizationTransaction } from './connection.ts'

/** What the rest of the system may learn about; the relay turns each row into jobs, and into a message for endpoints. */
export type OutboxTopic =
  | WebhookEventType
  | 'billable_metric.recounted'
  | 'test_clock.advancing'
  | 'test_clock.ready'
  | 'transactions.accepted'

export interface Announcement {
  readonly organizationId: number
  readonly topic: OutboxTopic
  /** Ids of what changed, never its content: whoever acts on it reads the row as it is then. */
  readonly payload: Readonly<Record<string, string | number>>
}

/**
 * Announces a domain change in the transaction that makes it, so that the change and its announcement commit together.
 */
export async function announce(transaction: OrganizationTransaction, announcement: Announcement): Promise<void> {
  const { organizationId, topic, payload } = announcement
  await transaction
    .insertInto('outbox')
    .values({ organizationId, topic, payload: JSON.stringify(payload) })
    .execute()
}
