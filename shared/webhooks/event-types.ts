/** What endpoints can hear of; each is the topic of an announcement in the outbox. */
export const WEBHOOK_EVENT_TYPES = [
  'billable_metric.created',
  'credit_note.issued',
  'customer.created',
  'customer.updated',
  'event_correction.created',
  'events.unprocessed',
  'invoice.created',
  'invoice.finalized',
  'plan.archived',
  'plan.created',
  'plan.updated',
  'subscription.activated',
  'subscription.cancelled',
  'subscription.created',
  'subscription.ended',
  'subscription.trial_ended',
  'webhook_endpoint.disabled',
] as const

export type WebhookEventType = (typeof WEBHOOK_EVENT_TYPES)[number]
