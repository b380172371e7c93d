import type { Pool } from 'pg'
import { inTransaction } from '../../db/transaction.ts'
import { recordReceivedSequences } from '../../db/usage/event-sequences.ts'
import { requireCustomerReferences } from '../../db/usage/ingest-references.ts'
import { insertUnprocessedEvents } from '../../db/usage/unprocessed-events.ts'
import { assert } from '../../shared/errors.ts'
import { eventKey } from '../../shared/metering/event-identity.ts'
import { writtenEvent } from '../../shared/metering/written-event.ts'
import type { ReceivedEvent } from './received-events.ts'

/** Keeps an event that cannot be stored, as text, with the reason; it is listed among the unprocessed events. */
export async function keepAside(
  pool: Pool,
  organizationId: number,
  { event, receivedAt }: ReceivedEvent,
  cause: unknown,
): Promise<void> {
  const error = cause instanceof Error ? cause.message : String(cause)
  await inTransaction(pool, async (client) => {
    const externalIds = [event.externalCustomerId]
    const [customer] = await requireCustomerReferences(client, organizationId, { externalIds })
    assert(customer !== undefined, 'a customer reference was not created')
    await insertUnprocessedEvents(client, organizationId, [
      {
        customerId: customer.customerId,
        eventKey: eventKey(event),
        timestampMicros: event.timestampMicros,
        code: event.code,
        transactionId: event.transactionId,
        metricId: null,
        reason: 'processing_failed',
        // The event stands as text inside the JSON, so that nothing in it can be refused a second time.
        details: {
          error,
          received_at: receivedAt,
          timed_by_server: event.timedByServer,
          event: writtenEvent(event),
        },
      },
    ])
    await recordReceivedSequences(client, organizationId, [event.producer])
  })
}
