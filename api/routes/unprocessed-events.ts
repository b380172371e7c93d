import Type from 'typebox'
import {
  countRetryable,
  countUnprocessedEvents,
  endOfUnprocessed,
  listUnprocessedEvents,
  requireRetryable,
  type UnprocessedCount,
  type UnprocessedEvent,
} from '../../db/events/unprocessed-events.ts'
import type { UnprocessedFilter } from '../../db/events/unprocessed-filter.ts'
import { boundedAnswer } from '../bounded-wait.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { failures, jsonInteger, readInstant, Uuid } from '../schemas/common.ts'
import {
  UnprocessedCounts,
  UnprocessedEventList,
  UnprocessedFilterQuery,
  UnprocessedRetry,
  UnprocessedRetryAnswer,
} from '../schemas/event.ts'

/** What could not be counted, and trying it again. */
export const unprocessedEventRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/events/unprocessed',
    {
      schema: {
        operationId: 'listUnprocessedEvents',
        summary: 'List events that could not be counted',
        description:
          'They are kept with their reason. Usage that names a customer or a subscription which does not exist yet is metered already and becomes billable when it is created.',
        tags: ['Events'],
        querystring: Type.Object({ ...UnprocessedFilterQuery.properties, ...PAGE_QUERY }),
        response: { 200: UnprocessedEventList, ...failures() },
      },
    },
    (request) => {
      const page = { ...pageRequest(request.query), ...filterOf(request.query, 'query') }
      return within(request, async (transaction, id) =>
        pageAnswer(await listUnprocessedEvents(transaction, id, page), view),
      )
    },
  )

  server.get(
    '/events/unprocessed/counts',
    {
      schema: {
        operationId: 'countUnprocessedEvents',
        summary: 'Count events that could not be counted',
        description: 'By reason, and by reason and metric.',
        tags: ['Events'],
        querystring: UnprocessedFilterQuery,
        response: { 200: UnprocessedCounts, ...failures() },
      },
    },
    (request) => {
      const filter = filterOf(request.query, 'query')
      return within(request, async (transaction, id) =>
        countsView(await countUnprocessedEvents(transaction, id, filter)),
      )
    },
  )

  server.post(
    '/events/unprocessed/retry',
    {
      schema: {
        operationId: 'retryUnprocessedEvents',
        summary: 'Try again what could not be counted',
        description:
          'All, or what the filter leaves, as metrics, customers and subscriptions are now. What counts leaves the list; the rest stays with its reason. Conflicting duplicates and archived events are left out.',
        tags: ['Events'],
        body: UnprocessedRetry,
        response: {
          202: UnprocessedRetryAnswer,
          ...failures('unprocessed_event_final', 'usage_archived', 'queue_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const filter = filterOf(request.body, 'body')
      const { events, upTo } = await within(request, async (transaction, id) => ({
        events: await countRetryable(transaction, id, filter),
        upTo: await endOfUnprocessed(transaction),
      }))
      await enqueue(request.organizationId, { upTo, ...payloadOf(filter) })
      return reply.code(202).send({ status: 'accepted', events: jsonInteger(events) })
    },
  )

  server.post(
    '/events/unprocessed/:id/retry',
    {
      schema: {
        operationId: 'retryUnprocessedEvent',
        summary: 'Try one event again',
        tags: ['Events'],
        params: Type.Object({ id: Uuid }),
        response: {
          202: UnprocessedRetryAnswer,
          ...failures('unprocessed_event_not_found', 'unprocessed_event_final', 'usage_archived', 'queue_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      await within(request, (transaction, organizationId) => requireRetryable(transaction, organizationId, id))
      await enqueue(request.organizationId, { id, upTo: id })
      return reply.code(202).send({ status: 'accepted', events: 1 })
    },
  )

  // Counting again may take long, and must survive this process.
  const enqueue = (organizationId: number, request: Record<string, string> & { upTo: string }) =>
    boundedAnswer(
      context.producer.enqueue('rebuild-usage', { task: 'retry', organizationId, ...request }),
      'queue_unavailable',
      'the queue does not answer',
    )
}

function filterOf(
  { external_customer_id, billable_metric_code, from, to, ...filter }: Type.Static<typeof UnprocessedRetry>,
  part: 'query' | 'body',
): UnprocessedFilter {
  return {
    reason: filter.reason,
    code: filter.code,
    externalCustomerId: external_customer_id,
    billableMetricCode: billable_metric_code,
    from: from === undefined ? undefined : readInstant(from, 'from', part),
    to: to === undefined ? undefined : readInstant(to, 'to', part),
  }
}

// A job carries text, and only what was asked for.
function payloadOf(filter: UnprocessedFilter): Record<string, string> {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}

function countsView(counts: readonly UnprocessedCount[]) {
  const sum = (some: readonly UnprocessedCount[]) => some.reduce((total, { events }) => total + events, 0n)
  return {
    events: jsonInteger(sum(counts)),
    by_reason: Array.from(
      Map.groupBy(counts, ({ reason }) => reason),
      ([reason, ofReason]) => ({ reason, events: jsonInteger(sum(ofReason)) }),
    ),
    by_reason_and_metric: counts.map(({ reason, billableMetricCode, events }) => ({
      reason,
      billable_metric_code: billableMetricCode,
      events: jsonInteger(events),
    })),
  }
}

function view(event: UnprocessedEvent) {
  return {
    id: event.id,
    transaction_id: event.transactionId,
    external_customer_id: event.externalCustomerId,
    code: event.code,
    timestamp: event.timestamp.toString(),
    billable_metric_code: event.billableMetricCode,
    reason: event.reason,
    details: event.details,
    created_at: event.createdAt.toString(),
  }
}
