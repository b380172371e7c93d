import Type from 'typebox'
import { findCustomerKey } from '../../db/catalogue/customers.ts'
import { type EventPosition, type ListedUsageEvent, listUsageEvents } from '../../db/events/usage-events.ts'
import type { PageRequest } from '../../db/paging.ts'
import { decimal } from '../../shared/money/decimal.ts'
import { boundedAnswer } from '../bounded-wait.ts'
import { inOrganization, type Routes } from '../context.ts'
import { decodeCursor, encodeCursor, invalidCursor, PAGE_QUERY, pageRequest } from '../paging.ts'
import { failures } from '../schemas/common.ts'
import { EventBacklog, UsageEventList } from '../schemas/event.ts'
import { eventStatus, madeCorrectionView } from '../schemas/made-correction.ts'

/** What came in, and what waits. */
export const eventListRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/events',
    {
      schema: {
        operationId: 'listEvents',
        summary: 'List the events of a customer',
        description: 'As they were accepted, latest first; what an amendment put in the place of one stands beside it.',
        tags: ['Events'],
        querystring: Type.Object({
          external_customer_id: Type.String({ minLength: 1, maxLength: 255 }),
          ...PAGE_QUERY,
        }),
        response: { 200: UsageEventList, ...failures() },
      },
    },
    (request) => {
      const externalId = request.query.external_customer_id
      const page = eventPageRequest(request.query)
      return within(request, async (transaction, id) => {
        const customerId = await findCustomerKey(transaction, id, externalId)
        if (customerId === undefined) return { data: [], next_cursor: null }
        const { rows, next } = await listUsageEvents(transaction, id, { ...page, customerId })
        return { data: rows.map((event) => eventView(event, externalId)), next_cursor: next ? cursorOf(next) : null }
      })
    },
  )

  server.get(
    '/events/backlog',
    {
      schema: {
        operationId: 'getEventBacklog',
        summary: 'How many batches wait to be counted?',
        description: 'Zero means that everything accepted so far shows in usage.',
        tags: ['Events'],
        response: { 200: EventBacklog, ...failures('queue_unavailable') },
      },
    },
    async () => {
      const backlog = context.producer.backlog('aggregate-usage')
      return { queued_batches: await boundedAnswer(backlog, 'queue_unavailable', 'the queue does not answer') }
    },
  )
}

function eventPageRequest({ limit, cursor }: { limit?: number; cursor?: string }): PageRequest<EventPosition> {
  const size = pageRequest(limit === undefined ? {} : { limit }).limit
  return { limit: size, after: cursor === undefined ? undefined : positionOf(cursor) }
}

const POSITION = /^(20\d{2}-[\d:.TZ-]+) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

function cursorOf({ timestamp, eventKey }: EventPosition): string {
  return encodeCursor(`${timestamp} ${eventKey}`)
}

function positionOf(cursor: string): EventPosition {
  const [, time = '', eventKey = ''] = POSITION.exec(decodeCursor(cursor)) ?? []
  try {
    return { timestamp: Temporal.Instant.from(time), eventKey }
  } catch {
    throw invalidCursor()
  }
}

function eventView(event: ListedUsageEvent, externalCustomerId: string) {
  return {
    transaction_id: event.transactionId,
    source: event.source,
    external_customer_id: externalCustomerId,
    external_subscription_id: event.externalSubscriptionId,
    code: event.code,
    timestamp: event.timestamp.toString(),
    received_at: event.receivedAt.toString(),
    precise_total_amount_cents: event.amountMinor === null ? null : decimal(event.amountMinor).toFixed(),
    properties: event.properties,
    revision: event.revision,
    status: eventStatus(event.correction),
    correction: event.correction && madeCorrectionView(event.correction),
  }
}
