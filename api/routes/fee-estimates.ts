import { inOrganization, type Routes } from '../context.ts'
import { estimateEvent } from '../events/estimate-event.ts'
import { readSupposedEvent } from '../events/supposed-event.ts'
import { failures } from '../schemas/common.ts'
import { FeeEstimateAnswer, FeeEstimateInput, feeEstimateView } from '../schemas/fee-estimate.ts'
import { rebuildingView } from '../schemas/usage.ts'
import { exceptBodies } from '../validation.ts'

/** What a usage event would cost, before it is sent. */
export const feeEstimateRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/events/estimate_fees',
    {
      // The schema documents; the event is checked by the pass that checks those that are sent.
      validatorCompiler: exceptBodies,
      schema: {
        operationId: 'estimateFees',
        summary: 'Estimate what an event would cost',
        description:
          'Nothing is stored. A fee is marginal: the charge rated with this event on top of the usage of its period, ' +
          'minus the charge rated without it, so tiers and free units count from where the period stands.',
        tags: ['Events'],
        body: FeeEstimateInput,
        response: {
          200: FeeEstimateAnswer,
          ...failures('customer_not_found', 'subscription_not_found', 'billable_metric_not_found', 'price_too_large'),
        },
      },
    },
    async (request) => {
      const { micros } = await context.organizationClock.receivedAt(request.organizationId)
      const { body, keyCustomerId } = request
      const event = readSupposedEvent(body, { receivedAtMicros: micros, keyCustomerId })
      const { fees, unusable, rebuilding } = await within(request, (transaction, id) =>
        estimateEvent(transaction, id, event),
      )
      return {
        fees: fees.map(feeEstimateView),
        unusable: unusable.map(({ metric: { code }, reason, details }) => ({
          billable_metric_code: code,
          reason,
          details,
        })),
        rebuilding: rebuildingView(rebuilding),
      }
    },
  )
}
