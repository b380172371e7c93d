import type { ProducerPosition } from '../../shared/metering/usage-event.ts'
import type { ReceivedEvents } from './received-events.ts'

/** Whose events there are, and when they were. */
export interface Origins {
  /** The external ids of customers, each once. */
  readonly externalIds: readonly string[]
  /** Which of them it is, by the place of the event. */
  readonly customers: Uint32Array
  /** Microseconds since the epoch, by the place of the event. */
  readonly timestampsMicros: Float64Array
  /** Of those that come from a producer. */
  readonly producers: readonly ProducerPosition[]
}

export function originsOf({ records, count }: ReceivedEvents): Origins {
  const positions = new Map<string, number>()
  const customers = new Uint32Array(count)
  const timestampsMicros = new Float64Array(count)
  const producers: ProducerPosition[] = []
  for (let place = 0; place < count; place += 1) {
    customers[place] = positions.getOrInsert(records.externalCustomerId(place), positions.size)
    timestampsMicros[place] = records.timestampMicros(place)
    const producer = records.producer(place)
    if (producer !== undefined) producers.push(producer)
  }
  return { externalIds: [...positions.keys()], customers, timestampsMicros, producers }
}
