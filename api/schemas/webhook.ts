import Type from 'typebox'
import { WEBHOOK_EVENT_TYPES } from '../../shared/webhooks/event-types.ts'
import { Choice, Input, JsonObject, ListOf, Nullable, Output, Time, Uuid } from './common.ts'

export const WebhookEventType = Choice(WEBHOOK_EVENT_TYPES, { title: 'WebhookEventType' })

const FIELDS = {
  url: Type.String({
    minLength: 1,
    maxLength: 2048,
    description: 'Where messages are sent: http or https, on the open internet, without a user name or a password.',
  }),
  description: Type.Optional(Nullable(Type.String({ maxLength: 1000 }))),
  event_types: Type.Optional(
    Nullable(
      Type.Array(WebhookEventType, {
        minItems: 1,
        maxItems: 100,
        description: 'Which events it hears of; null means all, those to come included.',
      }),
    ),
  ),
  enabled: Type.Optional(Type.Boolean({ description: 'Whether anything is sent.' })),
}

export const WebhookEndpointCreate = Input('WebhookEndpointCreate', FIELDS, {
  examples: [{ url: 'https://example.com/webhooks', event_types: ['invoice.finalized'] }],
})

export const WebhookEndpointPatch = Input('WebhookEndpointUpdate', { ...FIELDS, url: Type.Optional(FIELDS.url) })

const ENDPOINT = {
  id: Uuid,
  url: Type.String(),
  description: Nullable(Type.String()),
  event_types: Nullable(Type.Array(WebhookEventType)),
  enabled: Type.Boolean(),
  disabled_reason: Nullable(
    Choice(['requested', 'gone', 'failing'], {
      title: 'WebhookDisabledReason',
      description: '`requested` by you, `gone`: it answered 410, `failing`: nothing arrived there for five days.',
    }),
  ),
  failing_since: Nullable(
    Type.String({ format: 'date-time', description: 'The first failure since which nothing has arrived.' }),
  ),
  previous_secret_ends_at: Nullable(
    Type.String({ format: 'date-time', description: 'Until then the secret before signs too.' }),
  ),
  created_at: Time,
  updated_at: Time,
}

export const WebhookEndpointAnswer = Output('WebhookEndpoint', ENDPOINT)

export const WebhookEndpointWithSecret = Output('WebhookEndpointWithSecret', {
  ...ENDPOINT,
  secret: Type.String({ description: 'What messages are signed with, `whsec_…`. It is answered once.' }),
})

export const WebhookEndpointList = ListOf('WebhookEndpointList', WebhookEndpointAnswer)

export const WebhookDeliveryStatus = Choice(['pending', 'sending', 'delivered', 'failed'], {
  title: 'WebhookDeliveryStatus',
})

const WebhookAttempt = Output('WebhookAttempt', {
  started_at: Time,
  finished_at: Nullable(
    Type.String({ format: 'date-time', description: 'Null while it runs, and when its process died.' }),
  ),
  response_status: Nullable(Type.Integer({ description: 'Null when there was no answer.' })),
  error: Nullable(Type.String()),
})

export const WebhookMessageAnswer = Output('WebhookMessage', {
  id: Type.String({ format: 'uuid', description: 'The `webhook-id` of every attempt.' }),
  type: WebhookEventType,
  payload: JsonObject,
  created_at: Time,
  deliveries: Type.Array(
    Output('WebhookDelivery', {
      webhook_endpoint_id: Uuid,
      url: Type.String(),
      status: WebhookDeliveryStatus,
      next_attempt_at: Nullable(Type.String({ format: 'date-time', description: 'Null when nothing is to come.' })),
      attempts: Type.Array(WebhookAttempt, { description: 'Oldest first.' }),
    }),
    { description: 'One per endpoint that was to hear of it.' },
  ),
})

export const WebhookMessageList = ListOf('WebhookMessageList', WebhookMessageAnswer)

export const WebhookResend = Input('WebhookResend', {
  webhook_endpoint_id: Type.Optional(
    Type.String({ format: 'uuid', description: 'Left out: every endpoint that asks for the type.' }),
  ),
})
