import type { Gauge } from './gauge.ts'
import { ingestOverloaded } from './ingest-overloaded.ts'

/** Something that must not grow any further. */
export interface IngestBound {
  readonly gauge: Gauge
  readonly isReached: (value: number) => boolean
  /** For whoever is refused: what is full. */
  readonly reason: string
  readonly retryAfterSeconds: number
}

export interface IngestBounds {
  /** Events in the queue. What is accepted here counts at once, before it is measured. */
  readonly queuedEvents: IngestBound
  readonly storage: readonly IngestBound[]
}

/** Decides whether events can be taken in now. What cannot be measured refuses nothing. */
export class IngestGate {
  readonly #queuedEvents: Gauge
  readonly #bounds: readonly IngestBound[]

  constructor({ queuedEvents, storage }: IngestBounds) {
    this.#queuedEvents = queuedEvents.gauge
    this.#bounds = [queuedEvents, ...storage]
  }

  /** Throws `ingest_overloaded` where a bound is reached. Answers a promise only where something has to be measured. */
  requireOpen(): void | Promise<void> {
    let areMeasured = true
    for (const bound of this.#bounds) {
      const value = bound.gauge.read()
      if (value instanceof Promise) areMeasured = false
      else requireBelow(bound, value)
    }
    if (!areMeasured) return this.#requireOpenOnceMeasured()
  }

  async #requireOpenOnceMeasured(): Promise<void> {
    for (const bound of this.#bounds) requireBelow(bound, await bound.gauge.read())
  }

  /** Counts events as queued that are on their way there. */
  accepted(events: number): void {
    this.#queuedEvents.add(events)
  }
}

function requireBelow({ isReached, reason, retryAfterSeconds }: IngestBound, value: number | undefined): void {
  if (value !== undefined && isReached(value)) throw ingestOverloaded(reason, retryAfterSeconds)
}
