import { EventRecords } from '../../db/usage/event-records.ts'
import { eventRecords } from '../../db/usage/record-writer.ts'
import { assert } from '../../shared/errors.ts'
import { isoOfMicros, parseTimestampMicros } from '../../shared/metering/timestamp.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'

/** An event and the time at which it was acknowledged. */
export interface ReceivedEvent {
  readonly event: UsageEvent
  readonly receivedAt: string
}

/** Events that were acknowledged together. */
export interface UsageBatch {
  readonly records: EventRecords
  /** Microseconds since the epoch. */
  readonly receivedMicros: number
}

/** Events that are taken in together, each told by its place in the order of their arrival. */
export class ReceivedEvents {
  readonly records: EventRecords
  readonly #receivedMicros: Float64Array

  private constructor(records: EventRecords, receivedMicros: Float64Array) {
    this.records = records
    this.#receivedMicros = receivedMicros
  }

  static ofBatches(batches: readonly UsageBatch[]): ReceivedEvents {
    const records = EventRecords.join(batches.map((batch) => batch.records))
    const receivedMicros = new Float64Array(records.count)
    let place = 0
    for (const batch of batches) {
      receivedMicros.fill(batch.receivedMicros, place, place + batch.records.count)
      place += batch.records.count
    }
    return new ReceivedEvents(records, receivedMicros)
  }

  static of(received: readonly ReceivedEvent[]): ReceivedEvents {
    const records = EventRecords.read(eventRecords(received.map(({ event }) => event)), received.length)
    return new ReceivedEvents(
      records,
      Float64Array.from(received, ({ receivedAt }) => requireReceivedMicros(receivedAt)),
    )
  }

  get count(): number {
    return this.records.count
  }

  /** Those from one place to before another, in places of their own. */
  slice(from: number, to: number): ReceivedEvents {
    return new ReceivedEvents(this.records.slice(from, to), this.#receivedMicros.slice(from, to))
  }

  receivedMicros(place: number): number {
    return this.#receivedMicros[place] as number
  }

  at(place: number): ReceivedEvent {
    return { event: this.records.event(place), receivedAt: isoOfMicros(this.receivedMicros(place)) }
  }
}

/** Microseconds since the epoch of the time at which events were acknowledged. */
export function requireReceivedMicros(receivedAt: string): number {
  const micros = parseTimestampMicros(receivedAt)
  assert(micros !== undefined, `events were received at "${receivedAt}"`)
  return micros
}
