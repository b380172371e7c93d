import type { RouteShorthandOptions } from 'fastify'
import type { Routes } from '../context.ts'
import { acceptBatch, acceptEvent } from '../events/accept-events.ts'
import { failures } from '../schemas/common.ts'
import {
  EventAccepted,
  EventBatchAnswer,
  EventBatchInput,
  EventBatchRefusal,
  UsageEventInput,
} from '../schemas/event.ts'

// The schemas of these two document; events are checked by one hand-written pass, which is many times faster.
const READ_BY_HAND: Pick<RouteShorthandOptions, 'validatorCompiler'> = { validatorCompiler: () => () => true }

const REFUSALS = ['bad_request', 'payload_too_large', 'unsupported_media_type', 'queue_unavailable'] as const

/** Usage comes in here. An accepted event is durable, and counts once however often it is sent. */
export const eventRoutes: Routes = async (server, { context }) => {
  server.post(
    '/events',
    {
      ...READ_BY_HAND,
      schema: {
        operationId: 'createEvent',
        summary: 'Send one event',
        description: 'Accepted once it is durable; it shows in usage a moment later. Sending it again counts nothing.',
        tags: ['Events'],
        body: UsageEventInput,
        response: { 202: EventAccepted, ...failures(...REFUSALS) },
      },
    },
    async (request, reply) => {
      const transactionId = await acceptEvent(context, request.organizationId, request.body)
      return reply.code(202).send({ transaction_id: transactionId, status: 'accepted' as const })
    },
  )

  server.post(
    '/events/batch',
    {
      ...READ_BY_HAND,
      schema: {
        operationId: 'createEvents',
        summary: 'Send up to 5,000 events',
        description: 'Each event is accepted or rejected on its own; one that is wrong holds up no other.',
        tags: ['Events'],
        body: EventBatchInput,
        response: {
          202: EventBatchAnswer,
          ...failures(...REFUSALS),
          422: EventBatchRefusal,
        },
      },
    },
    async (request, reply) => {
      const { accepted, rejected, results, issues } = await acceptBatch(context, request.organizationId, request.body)
      if (accepted > 0) return reply.code(202).send({ accepted, rejected, results })
      return reply.code(422).send({ detail: issues, code: 'validation_error' as const, results })
    },
  )
}
