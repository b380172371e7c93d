import Type from 'typebox'
import { type CurrentUsage, rateCurrentUsage } from '../../db/subscriptions/current-usage.ts'
import { rateProjectedUsage } from '../../db/subscriptions/projected-usage.ts'
import { requireSubscription } from '../../db/subscriptions/require-subscription.ts'
import type { Subscription } from '../../db/subscriptions/subscriptions.ts'
import { inOrganization, type Routes } from '../context.ts'
import { Cents, failures, jsonInteger, Nullable, Output, Time, Uuid } from '../schemas/common.ts'
import { RatedLineAnswer, ratedLineView } from '../schemas/line.ts'
import { Rebuilding, rebuildingView } from '../schemas/usage.ts'

const USAGE = {
  subscription_id: Uuid,
  external_subscription_id: Type.String(),
  external_customer_id: Type.String(),
  currency: Type.String(),
  period_start: Nullable(Time),
  period_end: Nullable(Time),
  as_of: Time,
  rebuilding: Rebuilding,
  lines: Type.Array(RatedLineAnswer),
  subtotal_cents: Cents,
  total_cents: Cents,
}

const CurrentUsageAnswer = Output('CurrentUsage', USAGE)
const ProjectedUsageAnswer = Output('ProjectedUsage', USAGE)

/** What the running period costs so far, and what it will at its end. */
export const currentUsageRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/subscriptions/:id/current_usage',
    {
      schema: {
        operationId: 'getCurrentUsage',
        summary: 'Price the usage of the running period',
        description:
          'Computed now, by the same engine that prices invoices, from all usage counted so far. Fixed fees are left ' +
          'out. Outside a running period the times are null and there are no lines.',
        tags: ['Subscriptions'],
        params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 255 }) }),
        response: { 200: CurrentUsageAnswer, ...failures('subscription_not_found', 'price_too_large') },
      },
    },
    (request) =>
      within(request, async (transaction, id) => {
        const subscription = await requireSubscription(transaction, id, request.params.id, {
          ofCustomer: request.keyCustomerId,
        })
        return view(subscription, await rateCurrentUsage(transaction, id, subscription))
      }),
  )

  server.get(
    '/subscriptions/:id/projected_usage',
    {
      schema: {
        operationId: 'getProjectedUsage',
        summary: 'Project the usage of the running period to its end',
        description:
          'Current usage as it will be at the end of the period if it goes on as it began: units times the length of ' +
          'the period by what has passed of it, priced by the engine that prices invoices, minimums included.',
        tags: ['Subscriptions'],
        params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 255 }) }),
        response: { 200: ProjectedUsageAnswer, ...failures('subscription_not_found', 'price_too_large') },
      },
    },
    (request) =>
      within(request, async (transaction, id) => {
        const subscription = await requireSubscription(transaction, id, request.params.id, {
          ofCustomer: request.keyCustomerId,
        })
        return view(subscription, await rateProjectedUsage(transaction, id, subscription))
      }),
  )
}

function view(subscription: Subscription, usage: CurrentUsage) {
  const { now, period, lines, totals, chargeModels } = usage
  return {
    subscription_id: subscription.id,
    external_subscription_id: subscription.externalId,
    external_customer_id: subscription.externalCustomerId,
    currency: subscription.currency,
    period_start: period === null ? null : period.start.toString(),
    period_end: period === null ? null : period.end.toString(),
    as_of: now.toString(),
    rebuilding: rebuildingView(usage.rebuilding),
    lines: lines.map((line) => ratedLineView(line, chargeModels)),
    subtotal_cents: jsonInteger(totals.subtotalMinor),
    total_cents: jsonInteger(totals.totalMinor),
  }
}
