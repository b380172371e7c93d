import { sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { requireWebhookEndpoint } from './endpoints.ts'
import { requireWebhookMessage, type WebhookMessage } from './messages.ts'

/**
 * Makes a message due again, with its whole schedule: at one endpoint, whatever types it asks for, or at each that asks
 * for its type. What is being sent at this moment is left to end. Throws `webhook_endpoint_disabled` when no endpoint
 * would get it.
 */
export async function resendWebhookMessage(
  transaction: OrganizationTransaction,
  organizationId: number,
  { messageId, endpointId }: { messageId: string; endpointId: string | undefined },
): Promise<WebhookMessage> {
  await requireWebhookMessage(transaction, organizationId, messageId)
  if (endpointId !== undefined) await requireWebhookEndpoint(transaction, organizationId, endpointId)
  const { rows } = await sql<{ id: string }>`
    select endpoint.id from webhook_endpoints endpoint
    join webhook_messages message on message.id = ${messageId} and message.organization_id = ${organizationId}
    where endpoint.organization_id = ${organizationId} and endpoint.enabled and ${
      endpointId === undefined
        ? sql`(endpoint.event_types is null or message.type = any(endpoint.event_types))`
        : sql`endpoint.id = ${endpointId}`
    }`.execute(transaction)
  if (rows.length === 0) {
    throw new AppError('webhook_endpoint_disabled', 'no enabled webhook endpoint would get this message')
  }
  await transaction
    .insertInto('webhookDeliveries')
    .values(
      rows.map(({ id }) => ({
        organizationId,
        webhookMessageId: messageId,
        webhookEndpointId: id,
        nextAttemptAt: sql<string>`now()`,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['webhookMessageId', 'webhookEndpointId'])
        .doUpdateSet({ status: 'pending', failures: 0, nextAttemptAt: sql`now()`, updatedAt: sql`now()` })
        .where('webhookDeliveries.status', '<>', 'sending'),
    )
    .execute()
  return await requireWebhookMessage(transaction, organizationId, messageId)
}
