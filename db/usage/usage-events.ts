import type { PoolClient } from 'pg'
import type { CountedFields } from '../../shared/metering/count-event.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { copyRows } from '../copy.ts'
import { type EventRecords, SENT_COLUMNS, SENT_FIELDS } from './event-records.ts'

/** An event as far as counting needs it. */
export interface CountableEvent {
  readonly customerId: number
  /** Its place in the order of arrival. */
  readonly arrival: bigint
  readonly event: CountedFields
}

/** A raw event as the table holds it; immutable from then on. */
export interface StoredUsageEvent extends CountableEvent {
  readonly eventKey: string
  readonly receivedAt: string
  readonly event: UsageEvent
}

/** What a raw event has beside what was sent. */
export interface AddedFields {
  readonly place: number
  readonly customerId: number
  readonly receivedMicros: number
  readonly arrival: bigint
}

/**
 * Appends raw events, each by its place among the records, and shows each of them when its turn has come. Their keys must
 * have been claimed in the same transaction.
 */
export async function insertUsageEvents<Row extends AddedFields>(
  client: PoolClient,
  organizationId: number,
  { records, rows, see }: { records: EventRecords; rows: Iterable<Row>; see: (row: Row) => void },
): Promise<void> {
  await copyRows(
    client,
    `usage_events (${SENT_COLUMNS}, customer_id, organization_id, received_at, arrival)`,
    rows,
    (row, to) => {
      see(row)
      const { place, customerId, receivedMicros, arrival } = row
      records.copySent(place, to.row(SENT_FIELDS + 4))
      to.integer(customerId).integer(organizationId).timestamp(receivedMicros).bigint(arrival)
    },
  )
}
