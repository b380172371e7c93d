import Type from 'typebox'
import {
  listWebhookMessages,
  requireWebhookMessage,
  type WebhookDelivery,
  type WebhookMessage,
} from '../../db/webhooks/messages.ts'
import { resendWebhookMessage } from '../../db/webhooks/resend-message.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { failures, Uuid } from '../schemas/common.ts'
import {
  WebhookDeliveryStatus,
  WebhookEventType,
  WebhookMessageAnswer,
  WebhookMessageList,
  WebhookResend,
} from '../schemas/webhook.ts'

const ById = Type.Object({ id: Uuid })

/** What endpoints were told, and whether it arrived. */
export const webhookMessageRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/webhook_messages',
    {
      schema: {
        operationId: 'listWebhookMessages',
        summary: 'List webhook messages',
        description: 'Newest first, with every attempt at every endpoint.',
        tags: ['Webhooks'],
        querystring: Type.Object({
          type: Type.Optional(WebhookEventType),
          status: Type.Optional(WebhookDeliveryStatus),
          webhook_endpoint_id: Type.Optional(Uuid),
          ...PAGE_QUERY,
        }),
        response: { 200: WebhookMessageList, ...failures() },
      },
    },
    (request) => {
      const { type, status, webhook_endpoint_id: endpointId } = request.query
      const page = { ...pageRequest(request.query), type, status, endpointId }
      return within(request, async (transaction, id) =>
        pageAnswer(await listWebhookMessages(transaction, id, page), messageView),
      )
    },
  )

  server.get(
    '/webhook_messages/:id',
    {
      schema: {
        operationId: 'getWebhookMessage',
        summary: 'Retrieve a webhook message',
        tags: ['Webhooks'],
        params: ById,
        response: { 200: WebhookMessageAnswer, ...failures('webhook_message_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) =>
        messageView(await requireWebhookMessage(transaction, id, request.params.id)),
      ),
  )

  server.post(
    '/webhook_messages/:id/resend',
    {
      schema: {
        operationId: 'resendWebhookMessage',
        summary: 'Send a webhook message again',
        description: 'Under the same `webhook-id`, delivered before or not.',
        tags: ['Webhooks'],
        params: ById,
        body: WebhookResend,
        response: {
          202: WebhookMessageAnswer,
          ...failures('webhook_message_not_found', 'webhook_endpoint_not_found', 'webhook_endpoint_disabled'),
        },
      },
    },
    async (request, reply) => {
      const resend = { messageId: request.params.id, endpointId: request.body.webhook_endpoint_id }
      const message = await within(request, (transaction, id) => resendWebhookMessage(transaction, id, resend))
      return reply.code(202).send(messageView(message))
    },
  )
}

function messageView(message: WebhookMessage) {
  return {
    id: message.id,
    type: message.type,
    payload: parseExactJson(message.body) as Record<string, unknown>,
    created_at: message.createdAt.toString(),
    deliveries: message.deliveries.map(deliveryView),
  }
}

function deliveryView({ webhookEndpointId, url, status, nextAttemptAt, attempts }: WebhookDelivery) {
  return {
    webhook_endpoint_id: webhookEndpointId,
    url,
    status,
    next_attempt_at: nextAttemptAt?.toString() ?? null,
    attempts: attempts.map((attempt) => ({
      started_at: attempt.startedAt.toString(),
      finished_at: attempt.finishedAt?.toString() ?? null,
      response_status: attempt.responseStatus,
      error: attempt.error,
    })),
  }
}
