import type { Selectable } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { WebhookEventType } from '../../shared/webhooks/event-types.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database, WebhookDeliveryStatus } from '../schema.ts'

/** A message as it is read: with what became of it at each endpoint. */
export interface WebhookMessage {
  readonly id: string
  readonly type: WebhookEventType
  readonly body: string
  readonly createdAt: Temporal.Instant
  readonly deliveries: readonly WebhookDelivery[]
}

export type WebhookDelivery = Pick<
  Selectable<Database['webhookDeliveries']>,
  'id' | 'webhookMessageId' | 'webhookEndpointId' | 'status' | 'nextAttemptAt'
> & { readonly url: string; readonly attempts: readonly WebhookAttempt[] }

type WebhookAttempt = Omit<Selectable<Database['webhookAttempts']>, 'id' | 'organizationId'>

export interface WebhookMessageFilter {
  readonly type: WebhookEventType | undefined
  /** Messages with a delivery of this status, to this endpoint if one is given too. */
  readonly status: WebhookDeliveryStatus | undefined
  readonly endpointId: string | undefined
}

/** Newest first, deliveries and attempts included. */
export async function listWebhookMessages(
  transaction: OrganizationTransaction,
  organizationId: number,
  { type, status, endpointId, ...page }: PageRequest & WebhookMessageFilter,
): Promise<Page<WebhookMessage>> {
  const query = selectMessages(transaction, organizationId)
    .$if(type !== undefined, (rows) => rows.where('type', '=', type as WebhookEventType))
    .$if(status !== undefined || endpointId !== undefined, (rows) =>
      rows.where((where) =>
        where.exists(
          where
            .selectFrom('webhookDeliveries as d')
            .select('d.id')
            .whereRef('d.webhookMessageId', '=', 'm.id')
            .$if(status !== undefined, (some) => some.where('d.status', '=', status as WebhookDeliveryStatus))
            .$if(endpointId !== undefined, (some) => some.where('d.webhookEndpointId', '=', endpointId ?? '')),
        ),
      ),
    )
  const { rows, next } = await newestFirst(query, page, 'm.id')
  return { rows: await withDeliveries(transaction, organizationId, rows), next }
}

export async function requireWebhookMessage(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<WebhookMessage> {
  const rows = await selectMessages(transaction, organizationId).where('m.id', '=', id).execute()
  const [message] = await withDeliveries(transaction, organizationId, rows)
  if (message === undefined) throw new AppError('webhook_message_not_found', `no webhook message has the id ${id}`)
  return message
}

function selectMessages(transaction: OrganizationTransaction, organizationId: number) {
  return transaction
    .selectFrom('webhookMessages as m')
    .select(['m.id', 'm.type', 'm.body', 'm.createdAt'])
    .where('m.organizationId', '=', organizationId)
    .where('m.body', 'is not', null)
    .$narrowType<{ body: string }>()
}

async function withDeliveries<Row extends { readonly id: string }>(
  transaction: OrganizationTransaction,
  organizationId: number,
  messages: readonly Row[],
): Promise<(Row & { readonly deliveries: readonly WebhookDelivery[] })[]> {
  if (messages.length === 0) return []
  const deliveries = await transaction
    .selectFrom('webhookDeliveries as d')
    .innerJoin('webhookEndpoints as e', 'e.id', 'd.webhookEndpointId')
    .select(['d.id', 'd.webhookMessageId', 'd.webhookEndpointId', 'e.url', 'd.status', 'd.nextAttemptAt'])
    .where('d.organizationId', '=', organizationId)
    .where(
      'd.webhookMessageId',
      'in',
      messages.map(({ id }) => id),
    )
    .orderBy('d.id')
    .execute()
  const attempts = await listAttempts(
    transaction,
    organizationId,
    deliveries.map(({ id }) => id),
  )
  const complete = deliveries.map((delivery) => ({ ...delivery, attempts: attempts.get(delivery.id) ?? [] }))
  const byMessage = Map.groupBy(complete, (delivery) => delivery.webhookMessageId)
  return messages.map((message) => ({ ...message, deliveries: byMessage.get(message.id) ?? [] }))
}

async function listAttempts(
  transaction: OrganizationTransaction,
  organizationId: number,
  deliveryIds: readonly string[],
): Promise<ReadonlyMap<string, readonly WebhookAttempt[]>> {
  if (deliveryIds.length === 0) return new Map()
  const rows = await transaction
    .selectFrom('webhookAttempts')
    .select(['webhookDeliveryId', 'startedAt', 'finishedAt', 'responseStatus', 'error'])
    .where('organizationId', '=', organizationId)
    .where('webhookDeliveryId', 'in', deliveryIds)
    .orderBy('id')
    .execute()
  return Map.groupBy(rows, (row) => row.webhookDeliveryId)
}
