import type { FastifyRequest } from 'fastify'
import { parseUsageEvent } from '../../shared/metering/usage-event.ts'
import type { Routes } from '../context.ts'
import { acceptEvent, acceptedEvent } from '../events/accept-events.ts'
import { isBinaryCloudEvent } from '../events/cloud-event-headers.ts'
import { parseBinaryCloudEvent, parseCloudEvent } from '../events/cloud-events.ts'
import { INGEST_REFUSALS, ingestRoute, otherMediaType } from '../events/ingest-route.ts'
import { type AcceptedEvent, readPlainEvent } from '../events/plain-events.ts'
import { takeUnreadBody } from '../json-body.ts'
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

function readEvent(request: FastifyRequest, receivedAtMicros: number): AcceptedEvent {
  const { mediaType, headers } = request
  const body = takeUnreadBody(request)
  if (mediaType === 'application/cloudevents+json') {
    return acceptedEvent(parseCloudEvent(body.parse(), { loc: BODY, receivedAtMicros }))
  }
  if (mediaType === 'application/cloudevents-batch+json') {
    throw otherMediaType('one event; send batches to /v1/events/batch')
  }
  if (isBinaryCloudEvent(headers)) {
    const sent = { headers: request.raw.headersDistinct, body: body.parse() }
    return acceptedEvent(parseBinaryCloudEvent(sent, receivedAtMicros))
  }
  const plain = readPlainEvent(body.bytes, receivedAtMicros)
  return plain ?? acceptedEvent(parseUsageEvent(body.parse(), { loc: BODY, receivedAtMicros }))
}
