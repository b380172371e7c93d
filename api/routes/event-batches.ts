import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { MAX_ISSUES } from '../../shared/errors.ts'
import { BodyPieces } from '../body-pieces.ts'
import { openBody } from '../compressed-body.ts'
import type { ApiContext, Routes } from '../context.ts'
import { answerFailure, toAppError } from '../errors.ts'
import { acceptBatch } from '../events/accept-events.ts'
import { acceptStream } from '../events/accept-stream.ts'
import { CLOUD_EVENTS } from '../events/cloud-events.ts'
import { INGEST_REFUSALS, ingestRoute, otherMediaType } from '../events/ingest-route.ts'
import { NATIVE_EVENTS } from '../events/native-events.ts'
import { takeUnreadBody } from '../json-body.ts'
import { CloudEventInput } from '../schemas/cloud-event.ts'
import { failures } from '../schemas/common.ts'
import { EventBatchAnswer, EventBatchInput, EventBatchRefusal } from '../schemas/event.ts'
import { EventStreamAnswer, EventStreamRefusal, orStreamFailure } from '../schemas/event-stream.ts'

const DESCRIPTION = `Each event is accepted or rejected on its own; one that is wrong holds up no other.

Up to 5,000 go in an \`application/json\` envelope, or as a list of CloudEvents 1.0 in \`application/cloudevents-batch+json\`.
A stream of any length goes as \`application/x-ndjson\`, one event a line: lines are taken in as they come, and the answer
at the end counts them and names the first 100 that were rejected. When a stream fails on the way, \`durable_lines\` says
how many lines from its beginning are settled. Sending all of it again is always right.`

/** Usage comes in here in bulk. */
export const eventBatchRoutes: Routes = async (server, { context }) => {
  // The handler reads it, line by line.
  server.addContentTypeParser(['application/x-ndjson', 'application/ndjson'], (_request, _payload, done) => done(null))
  server.post(
    '/events/batch',
    {
      ...ingestRoute(context),
      schema: {
        operationId: 'createEvents',
        summary: 'Send many events',
        description: DESCRIPTION,
        tags: ['Events'],
        body: {
          content: {
            'application/json': { schema: EventBatchInput },
            'application/cloudevents-batch+json': { schema: Type.Array(CloudEventInput) },
            'application/x-ndjson': { schema: Type.String({ description: 'One event a line, at most 1 MiB each.' }) },
          },
        },
        response: {
          202: Type.Union([EventBatchAnswer, EventStreamAnswer]),
          ...orStreamFailure(failures(...INGEST_REFUSALS)),
          422: Type.Union([EventBatchRefusal, EventStreamRefusal]),
        },
      },
    },
    (request, reply) => {
      const { mediaType } = request
      if (mediaType?.endsWith('ndjson')) return answerStream(context, request, reply)
      if (mediaType === 'application/cloudevents+json') {
        throw otherMediaType('a batch; send one event to /v1/events')
      }
      return answerBatch(context, request, reply)
    },
  )
}

async function answerBatch(context: ApiContext, request: FastifyRequest, reply: FastifyReply) {
  const format = request.mediaType === 'application/cloudevents-batch+json' ? CLOUD_EVENTS : NATIVE_EVENTS
  const { status, body } = await acceptBatch(context, request.organizationId, () => takeUnreadBody(request), format)
  return reply.code(status).type('application/json; charset=utf-8').send(body)
}

async function answerStream(context: ApiContext, request: FastifyRequest, reply: FastifyReply) {
  const pieces = new BodyPieces(openBody(request.raw), context.bodies)
  const outcome = await acceptStream(context, request.organizationId, pieces)
  const { progress } = outcome
  if ('failure' in outcome) {
    pieces.stop()
    return answerFailure(toAppError(outcome.failure, request), reply.header('connection', 'close'), progress)
  }
  if (progress.accepted > 0) return reply.code(202).send(progress)
  const issues = progress.rejections.flatMap((rejection) => rejection.errors).slice(0, MAX_ISSUES)
  const none = { loc: ['body'], msg: 'must have at least 1 event', type: 'too_short' }
  return reply
    .code(422)
    .send({ detail: progress.rejected === 0 ? [none] : issues, code: 'validation_error', ...progress })
}
