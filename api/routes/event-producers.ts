import Type from 'typebox'
import { type EventProducer, listEventProducers } from '../../db/events/event-producers.ts'
import { statementsOf } from '../../db/statements.ts'
import { recordDroppedSequences } from '../../db/usage/event-sequences.ts'
import { validationError } from '../../shared/errors.ts'
import type { SequenceRange } from '../../shared/metering/sequence-ranges.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Choice, failures } from '../schemas/common.ts'
import { DroppedAccepted, DroppedSequences, EventProducerList } from '../schemas/event-producer.ts'

/** Whether all that numbered senders have sent has arrived. */
export const eventProducerRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/event_producers',
    {
      schema: {
        operationId: 'listEventProducers',
        summary: 'List the producers of events and what is missing of them',
        description: 'Newest first. An event is missing when a later one of its producer has arrived and it has not.',
        tags: ['Events'],
        querystring: Type.Object({
          producer_id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
          with_gaps: Type.Optional(
            Choice(['true', 'false'], { description: '`true`: only those of which something is missing.' }),
          ),
          ...PAGE_QUERY,
        }),
        response: { 200: EventProducerList, ...failures() },
      },
    },
    (request) => {
      const { producer_id: producerId, with_gaps: withGaps } = request.query
      const page = { ...pageRequest(request.query), producerId, withGaps: withGaps === 'true' }
      return within(request, async (transaction, id) =>
        pageAnswer(await listEventProducers(transaction, id, page), producerView),
      )
    },
  )

  server.post(
    '/event_producers/dropped',
    {
      schema: {
        operationId: 'reportDroppedEvents',
        summary: 'Say that events of a producer will never come',
        description:
          'Closes gaps, and sequences that are not due yet. Saying it again, or of what has arrived, changes nothing.',
        tags: ['Events'],
        body: DroppedSequences,
        response: { 200: DroppedAccepted, ...failures() },
      },
    },
    (request) => {
      const { producer_id: producerId, ranges } = request.body
      const dropped = { producerId, ranges: ranges.map(rangeOf) }
      return within(request, async (transaction, id) => {
        await recordDroppedSequences(statementsOf(transaction), id, dropped)
        return { producer_id: producerId }
      })
    },
  )
}

function rangeOf(range: { first_sequence: number; last_sequence: number }, index: number): SequenceRange {
  const { first_sequence: first, last_sequence: last } = range
  if (first <= last) return { first, last }
  const loc = ['body', 'ranges', index, 'last_sequence']
  throw validationError([{ loc, msg: 'must not be below first_sequence', type: 'sequence' }])
}

function producerView(producer: EventProducer) {
  return {
    id: producer.id,
    producer_id: producer.producerId,
    highest_sequence: Number(producer.highestSequence),
    received_count: Number(producer.receivedCount),
    dropped_count: Number(producer.droppedCount),
    missing_count: Number(producer.missingCount),
    gaps_count: Number(producer.gapsCount),
    gaps: producer.gaps.map((gap) => ({
      first_sequence: Number(gap.firstSequence),
      last_sequence: Number(gap.lastSequence),
      missing_since: gap.missingSince.toString(),
      missing_for_seconds: Number(gap.missingForSeconds),
    })),
    created_at: producer.createdAt.toString(),
    last_seen_at: producer.lastSeenAt.toString(),
  }
}
