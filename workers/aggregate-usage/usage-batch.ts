import type { UsageEvent } from '../../shared/metering/usage-event.ts'

/** An event and the time at which it was acknowledged. */
export interface ReceivedEvent {
  readonly event: UsageEvent
  readonly receivedAt: string
}

/** The events of one job. */
export interface UsageBatch {
  readonly organizationId: number
  /** May be read more than once, in the same order; they need not be held meanwhile. */
  readonly events: Iterable<ReceivedEvent>
}
