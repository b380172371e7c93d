import { revisionKey } from '../../shared/metering/event-identity.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { EventRecords } from '../usage/event-records.ts'
import { eventRecords } from '../usage/record-writer.ts'

/** An event as it is stored, and what is stored about its content beside it. */
export interface ClaimedContent {
  readonly event: UsageEvent
  readonly eventKey: string
  /** Of the row that an amendment appended; null is what was sent. */
  readonly revision: number | null
  /** Of its claim, as text; null where it has none. */
  readonly contentHash: string | null
}

/** What is stored of identity or content, and what follows from the event. */
export interface ContentDifference {
  readonly stored: string
  readonly computed: string
}

/**
 * What of each event is not what its identity and its content came to when it was claimed, by place: then somebody has
 * changed the event, or its claim.
 */
export function contentDifferences(claimed: readonly ClaimedContent[]): ReadonlyMap<number, ContentDifference> {
  const events = claimed.map(({ event }) => event)
  const records = EventRecords.read(eventRecords(events), events.length)
  const differences = new Map<number, ContentDifference>()
  for (const [place, { event, eventKey, revision, contentHash }] of claimed.entries()) {
    const key = revision === null ? records.eventKey(place) : revisionKey(event, revision)
    const hash = records.contentHash(place).toString()
    const stored = eventKey.replaceAll('-', '')
    if (stored !== key) differences.set(place, { stored: `key ${stored}`, computed: `key ${key}` })
    else if (contentHash !== null && hash !== contentHash && hashWithoutTime(event) !== contentHash) {
      differences.set(place, { stored: `content ${contentHash}`, computed: `content ${hash}` })
    }
  }
  return differences
}

// That of an event which named no time leaves out the one that it was given.
function hashWithoutTime(event: UsageEvent): string {
  return EventRecords.read(eventRecords([{ ...event, timedByServer: true }]), 1)
    .contentHash(0)
    .toString()
}
