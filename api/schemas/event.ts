import Type from 'typebox'
import { Choice, HTTPValidationError, Input, JsonObject, ListOf, Nullable, Output, Time, Uuid } from './common.ts'
import { REVISION_WITH_STATUS } from './event-revision.ts'

const Name = Type.String({ minLength: 1, maxLength: 255 })

const EXAMPLE = {
  transaction_id: 'request-7f3a',
  external_customer_id: 'acme',
  code: 'llm_request',
  timestamp: '2026-01-31T12:00:00.123456Z',
  properties: { model: 'large', usage: { input_tokens: 1200, output_tokens: 85 } },
}

/** Documents an event; the route reads it by hand, because there are many. */
export const UsageEventInput = Input(
  'UsageEventInput',
  {
    transaction_id: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Names the event; the same one sent again for the same customer and source counts once, for ever.',
    }),
    source: Type.Optional(Type.String({ maxLength: 255, description: 'Where it comes from; empty when left out.' })),
    external_customer_id: Name,
    external_subscription_id: Type.Optional(
      Nullable(Type.String({ minLength: 1, maxLength: 255, description: 'Left out: the usage is the customer’s.' })),
    ),
    code: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Which metrics read it: those of this event code.',
    }),
    timestamp: Type.Optional(
      Nullable(
        Type.Union([Type.String(), Type.Number()], {
          description: 'RFC 3339 with an offset, or seconds since 1970; the time of receipt when left out.',
        }),
      ),
    ),
    precise_total_amount_cents: Type.Optional(
      Nullable(
        Type.Union([Type.String(), Type.Number()], {
          description:
            'The price of this event, in minor units and fractions of them, where it comes with the event: see the charge model dynamic.',
        }),
      ),
    ),
    properties: Type.Optional(Nullable(JsonObject)),
    producer_id: Type.Optional(
      Nullable(
        Type.String({
          minLength: 1,
          maxLength: 255,
          description: 'Names a sender that numbers its events, so that missing ones are noticed; see event producers.',
        }),
      ),
    ),
    producer_sequence: Type.Optional(
      Nullable(
        Type.Integer({
          minimum: 1,
          maximum: Number.MAX_SAFE_INTEGER,
          description: 'The number of this event at its producer: 1, 2, 3 and so on, the same at every retry.',
        }),
      ),
    ),
  },
  { examples: [EXAMPLE] },
)

export const EventBatchInput = Input(
  'EventBatchInput',
  { events: Type.Array(UsageEventInput, { minItems: 1, maxItems: 5_000 }) },
  { examples: [{ events: [EXAMPLE] }] },
)

export const EventAccepted = Output('EventAccepted', {
  transaction_id: Type.String(),
  status: Choice(['accepted']),
})

const EventResult = Output('EventResult', {
  transaction_id: Nullable(Type.String({ description: 'Null when the event has none that can be read.' })),
  status: Choice(['accepted', 'rejected']),
  errors: Type.Optional(HTTPValidationError.properties.detail),
})

export const EventBatchAnswer = Output('EventBatchAnswer', {
  accepted: Type.Integer(),
  rejected: Type.Integer(),
  results: Type.Array(EventResult, { description: 'One per event, in the order of the request.' }),
})

export const EventBatchRefusal = Output(
  'EventBatchRefusal',
  { ...HTTPValidationError.properties, results: Type.Optional(Type.Array(EventResult)) },
  { description: 'The envelope is wrong, or no event is acceptable; then every event has a result.' },
)

export const UsageEventList = ListOf(
  'UsageEventList',
  Output('UsageEvent', {
    transaction_id: Type.String(),
    source: Type.String(),
    external_customer_id: Type.String(),
    ...REVISION_WITH_STATUS,
  }),
)

export const UnprocessedReason = Choice(
  [
    'customer_not_found',
    'metric_not_found',
    'subscription_not_found',
    'subscription_not_running',
    'value_missing',
    'value_not_a_number',
    'expression_failed',
    'duplicate_conflict',
    'period_closed',
    'processing_failed',
  ],
  { title: 'UnprocessedReason' },
)

export const UnprocessedEventList = ListOf(
  'UnprocessedEventList',
  Output('UnprocessedEvent', {
    id: Uuid,
    transaction_id: Type.String(),
    external_customer_id: Type.String(),
    code: Type.String(),
    timestamp: Time,
    billable_metric_code: Nullable(Type.String({ description: 'Null: the event counts for no metric.' })),
    reason: UnprocessedReason,
    details: JsonObject,
    created_at: Time,
  }),
)

const UNPROCESSED_FILTER = {
  reason: Type.Optional(UnprocessedReason),
  external_customer_id: Type.Optional(Type.String()),
  billable_metric_code: Type.Optional(Type.String()),
  code: Type.Optional(Type.String({ description: 'The event code.' })),
  from: Type.Optional(Type.String({ format: 'date-time', description: 'Events from this time on.' })),
  to: Type.Optional(Type.String({ format: 'date-time', description: 'Events before this time.' })),
}

export const UnprocessedFilterQuery = Type.Object(UNPROCESSED_FILTER)

export const UnprocessedRetry = Input('UnprocessedRetry', UNPROCESSED_FILTER, {
  examples: [{ reason: 'value_missing', billable_metric_code: 'input_tokens' }],
})

export const UnprocessedRetryAnswer = Output('UnprocessedRetryAnswer', {
  status: Choice(['accepted']),
  events: Type.Integer({ description: 'Entries that will be looked at, without those whose event is archived.' }),
})

export const UnprocessedCounts = Output('UnprocessedCounts', {
  events: Type.Integer(),
  by_reason: Type.Array(Output('UnprocessedReasonCount', { reason: UnprocessedReason, events: Type.Integer() })),
  by_reason_and_metric: Type.Array(
    Output('UnprocessedMetricCount', {
      reason: UnprocessedReason,
      billable_metric_code: Nullable(Type.String()),
      events: Type.Integer(),
    }),
  ),
})

export const EventBacklog = Output('EventBacklog', {
  queued_batches: Type.Integer({ description: 'Accepted batches that are not counted yet.' }),
})
