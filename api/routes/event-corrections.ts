import type { FastifyRequest } from 'fastify'
import { type CorrectedEvent, type CorrectionRequest, correctEvent } from '../../db/corrections/correct-event.ts'
import { explainEvent } from '../../db/corrections/explain-event.ts'
import { ensureUsagePartitionAt } from '../../db/usage/partitions.ts'
import { assert } from '../../shared/errors.ts'
import type { EventChanges } from '../../shared/metering/amend-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { inOrganization, type Routes } from '../context.ts'
import { readAmendment } from '../events/read-amendment.ts'
import { failures } from '../schemas/common.ts'
import {
  AmendmentInput,
  CorrectionInput,
  EventCorrectionAnswer,
  EventParams,
  EventQuery,
} from '../schemas/event-correction.ts'
import { ExplainedEventAnswer, explainedView, revisionView } from '../schemas/explained-event.ts'
import { madeCorrectionView } from '../schemas/made-correction.ts'
import { exceptBodies } from '../validation.ts'

const REFUSALS = ['event_not_found', 'event_voided', 'event_correction_conflict', 'period_closed'] as const

/** What was sent and was wrong is corrected here; what was sent stays as it is. */
export const eventCorrectionRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/events/:transaction_id',
    {
      schema: {
        operationId: 'getEvent',
        summary: 'Get an event and what it counts towards',
        description:
          'Everything that was sent and amended of it, with reasons; and for each metric that counts it the value, the subscription that pays, the period, and the lines that bill it.',
        tags: ['Events'],
        params: EventParams,
        querystring: EventQuery,
        response: { 200: ExplainedEventAnswer, ...failures('event_not_found') },
      },
    },
    async (request) => {
      const { transaction_id } = request.params
      const { external_customer_id, source = '' } = request.query
      const event = { transactionId: transaction_id, externalCustomerId: external_customer_id, source }
      const explained = await within(request, (transaction, id) => explainEvent(transaction, id, event))
      return { transaction_id, source, external_customer_id, ...explainedView(explained) }
    },
  )

  server.post(
    '/events/:transaction_id/void',
    {
      schema: {
        operationId: 'voidEvent',
        summary: 'Void an event',
        description:
          'It counts no more, from the answer on; the event and the reason are kept. What was billed for it follows the policy for late usage. The same again is answered as the first time.',
        tags: ['Events'],
        params: EventParams,
        body: CorrectionInput,
        response: { 201: EventCorrectionAnswer, ...failures(...REFUSALS) },
      },
    },
    async (request, reply) => {
      const { transaction_id } = request.params
      const correction = await correctionOf(request, { transaction_id, ...request.body, changes: null })
      return reply.code(201).send(correction)
    },
  )

  server.post(
    '/events/:transaction_id/amend',
    {
      // The event in the body is checked by the pass that checks those that are sent.
      validatorCompiler: exceptBodies,
      schema: {
        operationId: 'amendEvent',
        summary: 'Amend an event',
        description:
          'From the answer on it counts as it is said here, under its source and transaction id; what was sent and the reason are kept. An amended event can be amended again, or voided. The same again is answered as the first time.',
        tags: ['Events'],
        params: EventParams,
        body: AmendmentInput,
        response: { 201: EventCorrectionAnswer, ...failures(...REFUSALS, 'event_unchanged', 'payload_too_large') },
      },
    },
    async (request, reply) => {
      const { transaction_id } = request.params
      const amendment = readAmendment(request.body)
      const { timestampMicros } = amendment.changes
      if (timestampMicros !== undefined) {
        await ensureUsagePartitionAt(context.connection, Temporal.Instant.from(isoOfMicros(timestampMicros)))
      }
      return reply.code(201).send(await correctionOf(request, { transaction_id, ...amendment }))
    },
  )

  const correctionOf = async (request: FastifyRequest, asked: AskedCorrection) => {
    const { micros } = await context.organizationClock.receivedAt(request.organizationId)
    const { transaction_id: transactionId, external_customer_id: externalCustomerId, source = '', ...about } = asked
    const correction: CorrectionRequest = {
      ...about,
      event: { externalCustomerId, source, transactionId },
      apiKeyId: request.apiKeyId,
      receivedAt: isoOfMicros(micros),
    }
    return correctionView(
      await within(request, (transaction, id) => correctEvent(transaction, id, correction)),
      correction.event,
    )
  }
}

interface AskedCorrection {
  readonly transaction_id: string
  readonly external_customer_id: string
  readonly source?: string
  readonly reason: string
  readonly changes: EventChanges | null
}

function correctionView(
  { corrected, replacement }: CorrectedEvent,
  { externalCustomerId, source, transactionId }: CorrectionRequest['event'],
) {
  const { correction } = corrected
  assert(correction !== null, 'an event was corrected without a correction')
  return {
    ...madeCorrectionView(correction),
    transaction_id: transactionId,
    source,
    external_customer_id: externalCustomerId,
    corrected: revisionView(corrected),
    replacement: replacement === null ? null : revisionView(replacement),
  }
}
