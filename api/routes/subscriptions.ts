import Type from 'typebox'
import { cancelSubscription } from '../../db/subscriptions/cancel-subscription.ts'
import { createSubscription, type SubscriptionRequest } from '../../db/subscriptions/create-subscription.ts'
import { requireSubscription } from '../../db/subscriptions/require-subscription.ts'
import { listSubscriptions, type Subscription } from '../../db/subscriptions/subscriptions.ts'
import { validationError } from '../../shared/errors.ts'
import type { CancellationTime } from '../../shared/subscriptions/cancel-subscription.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { failures, ListOf, readInstant } from '../schemas/common.ts'
import { priceOverridesOf, priceOverridesView } from '../schemas/price-overrides.ts'
import {
  SubscriptionAnswer,
  SubscriptionCancel,
  SubscriptionCreate,
  SubscriptionStatus,
} from '../schemas/subscription.ts'

const ById = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 255, description: 'The id, or your external id.' }),
})

/** Who has which plan, since when and until when. */
export const subscriptionRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/subscriptions',
    {
      schema: {
        operationId: 'createSubscription',
        summary: 'Create a subscription',
        description:
          'Periods that were over before it was created are billed only when `backfill_invoices` asks for it.',
        tags: ['Subscriptions'],
        body: SubscriptionCreate,
        response: {
          201: SubscriptionAnswer,
          ...failures(
            'customer_not_found',
            'plan_not_found',
            'plan_archived',
            'currency_mismatch',
            'subscription_exists',
          ),
        },
      },
    },
    async (request, reply) => {
      const terms = requestOf(request.body)
      const subscription = await within(request, (transaction, id) => createSubscription(transaction, id, terms))
      return reply.code(201).send(view(subscription))
    },
  )

  server.get(
    '/subscriptions',
    {
      schema: {
        operationId: 'listSubscriptions',
        summary: 'List subscriptions',
        tags: ['Subscriptions'],
        querystring: Type.Object({
          external_customer_id: Type.Optional(Type.String()),
          status: Type.Optional(SubscriptionStatus),
          ...PAGE_QUERY,
        }),
        response: { 200: ListOf('SubscriptionList', SubscriptionAnswer), ...failures() },
      },
    },
    (request) => {
      const { external_customer_id: externalCustomerId, status } = request.query
      const page = { ...pageRequest(request.query), externalCustomerId, status }
      return within(request, async (transaction, id) =>
        pageAnswer(await listSubscriptions(transaction, id, page), view),
      )
    },
  )

  server.get(
    '/subscriptions/:id',
    {
      schema: {
        operationId: 'getSubscription',
        summary: 'Retrieve a subscription',
        tags: ['Subscriptions'],
        params: ById,
        response: { 200: SubscriptionAnswer, ...failures('subscription_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) => view(await requireSubscription(transaction, id, request.params.id))),
  )

  server.post(
    '/subscriptions/:id/cancel',
    {
      schema: {
        operationId: 'cancelSubscription',
        summary: 'Cancel a subscription',
        description:
          'It runs until the end of its period, or of its free trial, or until the time given. One that has not started is cancelled at once.',
        tags: ['Subscriptions'],
        params: ById,
        body: SubscriptionCancel,
        response: { 200: SubscriptionAnswer, ...failures('subscription_not_found', 'subscription_ended') },
      },
    },
    (request) => {
      const at = cancellationTime(request.body)
      return within(request, async (transaction, id) =>
        view(await cancelSubscription(transaction, id, request.params.id, at)),
      )
    },
  )
}

function requestOf(body: Type.Static<typeof SubscriptionCreate>): SubscriptionRequest {
  return {
    externalCustomerId: body.external_customer_id,
    planCode: body.plan_code,
    externalId: body.external_id ?? null,
    name: body.name ?? null,
    startedAt: body.started_at == null ? null : readInstant(body.started_at, 'started_at'),
    endedAt: body.ended_at == null ? null : readInstant(body.ended_at, 'ended_at'),
    billingTime: body.billing_time ?? 'calendar',
    ownEventsOnly: body.own_events_only ?? false,
    backfillInvoices: body.backfill_invoices ?? false,
    trial: trialOf(body),
    priceOverrides: body.price_overrides == null ? null : priceOverridesOf(body.price_overrides),
  }
}

function trialOf({ trial_period_days: days, trial_ends_at }: Type.Static<typeof SubscriptionCreate>) {
  if (trial_ends_at == null) return days == null ? null : { days }
  if (days == null) return { endsAt: readInstant(trial_ends_at, 'trial_ends_at') }
  const msg = 'give either trial_period_days or trial_ends_at, not both'
  throw validationError([{ loc: ['body', 'trial_ends_at'], msg, type: 'conflict' }])
}

function cancellationTime({ at, ended_at }: Type.Static<typeof SubscriptionCancel>): CancellationTime {
  if (ended_at == null) return at ?? 'period_end'
  if (at === undefined) return readInstant(ended_at, 'ended_at')
  throw validationError([{ loc: ['body', 'ended_at'], msg: 'give either at or ended_at, not both', type: 'conflict' }])
}

function view(subscription: Subscription) {
  return {
    id: subscription.id,
    external_id: subscription.externalId,
    external_customer_id: subscription.externalCustomerId,
    plan_code: subscription.planCode,
    plan_version: subscription.planVersion,
    name: subscription.name,
    status: subscription.status,
    billing_time: subscription.billingTime,
    own_events_only: subscription.ownEventsOnly,
    currency: subscription.currency,
    time_zone: subscription.timeZone,
    started_at: subscription.startedAt.toString(),
    ended_at: textOf(subscription.endedAt),
    trial_ends_at: textOf(subscription.trialEndsAt),
    cancelled_at: textOf(subscription.cancelledAt),
    current_period_start: textOf(subscription.currentPeriodStart),
    current_period_end: textOf(subscription.currentPeriodEnd),
    price_overrides: priceOverridesView(subscription),
    created_at: subscription.createdAt.toString(),
    updated_at: subscription.updatedAt.toString(),
  }
}

function textOf(instant: Temporal.Instant | null): string | null {
  return instant === null ? null : instant.toString()
}
