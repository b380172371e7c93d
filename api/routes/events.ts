import type { FastifyRequest } from 'fastify'
import { type ParsedEvent, parseUsageEvent } from '../../shared/metering/usage-event.ts'
import type { Routes } from '../context.ts'
import { acceptEvent } from '../events/accept-events.ts'
import { isBinaryCloudEvent, parseBinaryCloudEvent, parseCloudEvent } from '../events/cloud-events.ts'
import { INGEST_REFUSALS, ingestRoute, otherMediaType } from '../events/ingest-route.ts'
import { CloudEventInput } from '../schemas/cloud-event.ts'
import { failures } from '../schemas/common.ts'
import { EventAccepted, UsageEventInput } from '../schemas/event.ts'

const DESCRIPTION = `Accepted once it is durable; it shows in usage a moment later. Sending it again counts nothing.

A CloudEvent 1.0 comes as \`application/cloudevents+json\`, or with its attributes in \`ce-*\` headers and its data as body.`

/** Usage comes in here. An accepted event is durable, and counts once however often it is sent. */
export const eventRoutes: Routes = async (server, { context }) => {
  server.post(
    '/events',
    {
      ...ingestRoute(context),
      schema: {
        operationId: 'createEvent',
        summary: 'Send one event',
        description: DESCRIPTION,
        tags: ['Events'],
        body: {
          content: {
            'application/json': { schema: UsageEventInput },
            'application/cloudevents+json': { schema: CloudEventInput },
          },
        },
        response: { 202: EventAccepted, ...failures(...INGEST_REFUSALS) },
      },
    },
    async (request, reply) => {
      const read = (receivedAtMicros: number) => readEvent(request, receivedAtMicros)
      const transactionId = await acceptEvent(context, request.organizationId, read)
      return reply.code(202).send({ transaction_id: transactionId, status: 'accepted' as const })
    },
  )
}

const BODY: readonly string[] = ['body']

function readEvent({ mediaType, headers, body }: FastifyRequest, receivedAtMicros: number): ParsedEvent {
  if (mediaType === 'application/cloudevents+json') return parseCloudEvent(body, { loc: BODY, receivedAtMicros })
  if (mediaType === 'application/cloudevents-batch+json') {
    throw otherMediaType('one event; send batches to /v1/events/batch')
  }
  if (isBinaryCloudEvent(headers)) return parseBinaryCloudEvent({ headers, body }, receivedAtMicros)
  return parseUsageEvent(body, { loc: BODY, receivedAtMicros })
}
