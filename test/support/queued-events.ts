import { EventRecords } from '../../db/usage/event-records.ts'
import { unpackUsage } from '../../queues/usage-payload.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'

/** The events of a job of the queue `aggregate-usage`. */
export function queuedEvents({ events, count }: { events: string; count: number }): UsageEvent[] {
  const records = EventRecords.read(unpackUsage(events), count)
  return Array.from({ length: count }, (_, place) => records.event(place))
}
