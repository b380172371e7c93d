import Type from 'typebox'
import { realNow } from '../../db/clock.ts'
import {
  deleteWebhookEndpoint,
  insertWebhookEndpoint,
  listWebhookEndpoints,
  requireWebhookEndpoint,
  rotateWebhookSecret,
  updateWebhookEndpoint,
  type WebhookEndpoint,
  type WebhookEndpointDefinition,
} from '../../db/webhooks/endpoints.ts'
import { validationError } from '../../shared/errors.ts'
import { findUrlFault } from '../../shared/webhooks/endpoint-url.ts'
import type { WebhookSettings } from '../../shared/webhooks/webhook-settings.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { failures, Uuid } from '../schemas/common.ts'
import {
  WebhookEndpointAnswer,
  WebhookEndpointCreate,
  WebhookEndpointList,
  WebhookEndpointPatch,
  WebhookEndpointWithSecret,
} from '../schemas/webhook.ts'

const ById = Type.Object({ id: Uuid })
const PREVIOUS_SECRET_HOURS = 24

/** Who hears of what happens. */
export const webhookEndpointRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)
  const { sealingKey } = context.webhooks

  server.post(
    '/webhook_endpoints',
    {
      schema: {
        operationId: 'createWebhookEndpoint',
        summary: 'Create a webhook endpoint',
        description: 'It hears of what happens from then on. Its secret is answered this once.',
        tags: ['Webhooks'],
        body: WebhookEndpointCreate,
        response: { 201: WebhookEndpointWithSecret, ...failures() },
      },
    },
    async (request, reply) => {
      const { url } = request.body
      const definition = { ...DEFAULTS, ...changesOf(request.body, context.webhooks), url }
      const { endpoint, secret } = await within(request, (transaction, id) =>
        insertWebhookEndpoint(transaction, id, definition, sealingKey),
      )
      return reply.code(201).send({ ...view(endpoint), secret })
    },
  )

  server.get(
    '/webhook_endpoints',
    {
      schema: {
        operationId: 'listWebhookEndpoints',
        summary: 'List webhook endpoints',
        tags: ['Webhooks'],
        querystring: Type.Object(PAGE_QUERY),
        response: { 200: WebhookEndpointList, ...failures() },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) =>
        pageAnswer(await listWebhookEndpoints(transaction, id, page), view),
      )
    },
  )

  server.get(
    '/webhook_endpoints/:id',
    {
      schema: {
        operationId: 'getWebhookEndpoint',
        summary: 'Retrieve a webhook endpoint',
        tags: ['Webhooks'],
        params: ById,
        response: { 200: WebhookEndpointAnswer, ...failures('webhook_endpoint_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) =>
        view(await requireWebhookEndpoint(transaction, id, request.params.id)),
      ),
  )

  server.patch(
    '/webhook_endpoints/:id',
    {
      schema: {
        operationId: 'updateWebhookEndpoint',
        summary: 'Update a webhook endpoint',
        description: 'Fields that are left out stay. Enabling it again sends what waited for it.',
        tags: ['Webhooks'],
        params: ById,
        body: WebhookEndpointPatch,
        response: { 200: WebhookEndpointAnswer, ...failures('webhook_endpoint_not_found') },
      },
    },
    (request) => {
      const changes = changesOf(request.body, context.webhooks)
      return within(request, async (transaction, id) =>
        view(await updateWebhookEndpoint(transaction, id, request.params.id, changes)),
      )
    },
  )

  server.delete(
    '/webhook_endpoints/:id',
    {
      schema: {
        operationId: 'deleteWebhookEndpoint',
        summary: 'Delete a webhook endpoint',
        description: 'With it goes what was to be delivered there.',
        tags: ['Webhooks'],
        params: ById,
        response: { 204: Type.Null({ description: 'Deleted' }), ...failures('webhook_endpoint_not_found') },
      },
    },
    async (request, reply) => {
      await within(request, (transaction, id) => deleteWebhookEndpoint(transaction, id, request.params.id))
      return reply.code(204).send(null)
    },
  )

  server.post(
    '/webhook_endpoints/:id/rotate_secret',
    {
      schema: {
        operationId: 'rotateWebhookSecret',
        summary: 'Give a webhook endpoint a new secret',
        description: 'For 24 hours messages are signed with the old one too.',
        tags: ['Webhooks'],
        params: ById,
        response: { 200: WebhookEndpointWithSecret, ...failures('webhook_endpoint_not_found') },
      },
    },
    async (request) => {
      const rotation = { sealingKey, previousEndsAt: realNow().add({ hours: PREVIOUS_SECRET_HOURS }) }
      const { endpoint, secret } = await within(request, (transaction, id) =>
        rotateWebhookSecret(transaction, id, request.params.id, rotation),
      )
      return { ...view(endpoint), secret }
    },
  )
}

const DEFAULTS = { description: null, eventTypes: null, enabled: true } as const

function changesOf(
  { url, description, event_types: eventTypes, enabled }: Type.Static<typeof WebhookEndpointPatch>,
  settings: WebhookSettings,
): Partial<WebhookEndpointDefinition> {
  const fault = url === undefined ? undefined : findUrlFault(url, settings)
  if (fault !== undefined) throw validationError([{ loc: ['body', 'url'], msg: fault, type: 'webhook_url' }])
  return {
    ...(url === undefined ? {} : { url }),
    ...(description === undefined ? {} : { description }),
    ...(eventTypes === undefined ? {} : { eventTypes }),
    ...(enabled === undefined ? {} : { enabled }),
  }
}

function view(endpoint: WebhookEndpoint) {
  return {
    id: endpoint.id,
    url: endpoint.url,
    description: endpoint.description,
    event_types: endpoint.eventTypes,
    enabled: endpoint.enabled,
    disabled_reason: endpoint.disabledReason,
    failing_since: endpoint.failingSince?.toString() ?? null,
    previous_secret_ends_at: endpoint.previousSecretEndsAt?.toString() ?? null,
    created_at: endpoint.createdAt.toString(),
    updated_at: endpoint.updatedAt.toString(),
  }
}
