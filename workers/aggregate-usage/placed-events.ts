import type { IdentifiedEvents } from '../../db/usage/event-keys.ts'
import type { EventRecords, SelectionOf } from '../../db/usage/event-records.ts'
import type { CustomerReference } from '../../db/usage/known-customers.ts'
import type { AddedFields, CountableEvent } from '../../db/usage/usage-events.ts'
import type { CountedFields } from '../../shared/metering/count-event.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import type { Origins } from './origins.ts'
import type { ReceivedEvents } from './received-events.ts'

/** What the transaction knows of the events beside what they say. */
interface Places {
  readonly origins: Origins
  /** By the position of the customer. */
  readonly references: readonly CustomerReference[]
  /** The number of the first event in the order of arrival. */
  readonly firstArrival: bigint
  /** The properties that their metrics read. */
  readonly selectionOf: SelectionOf
}

/** Events with their customers and their place in the order of arrival. */
export class PlacedEvents implements IdentifiedEvents {
  readonly records: EventRecords
  readonly #received: ReceivedEvents
  readonly #customers: Uint32Array
  readonly #references: readonly CustomerReference[]
  readonly #firstArrival: bigint
  readonly #selectionOf: SelectionOf

  constructor(received: ReceivedEvents, { origins, references, firstArrival, selectionOf }: Places) {
    this.records = received.records
    this.#received = received
    this.#customers = origins.customers
    this.#references = references
    this.#firstArrival = firstArrival
    this.#selectionOf = selectionOf
  }

  get count(): number {
    return this.records.count
  }

  /** Which of the batch's customers it is. */
  customerPosition(place: number): number {
    return this.#customers[place] as number
  }

  /** By the position of a customer, how many of the others have smaller ids. */
  customerRanks(): Uint32Array {
    const ranks = new Uint32Array(this.#references.length)
    const idAt = (position: number) => this.#references[position]?.customerId ?? 0
    const sorted = Array.from(ranks.keys()).sort((one, other) => idAt(one) - idAt(other))
    for (const [rank, position] of sorted.entries()) ranks[position] = rank
    return ranks
  }

  customerId(place: number): number {
    return this.#customer(place).customerId
  }

  at(place: number): PlacedEvent {
    const { customerId, registered } = this.#customer(place)
    return new PlacedEvent(this.records, {
      place,
      customerId,
      registered,
      receivedMicros: this.#received.receivedMicros(place),
      arrival: this.#firstArrival + BigInt(place),
      event: this.records.countedFields(place, this.#selectionOf),
    })
  }

  #customer(place: number): CustomerReference {
    return this.#references[this.customerPosition(place)] as CustomerReference
  }
}

/** One of them. What counting reads is at hand, and no more of the properties; all else is read when it is asked for. */
export class PlacedEvent implements AddedFields, CountableEvent {
  readonly place: number
  readonly customerId: number
  readonly registered: boolean
  readonly receivedMicros: number
  readonly arrival: bigint
  readonly event: CountedFields
  readonly #records: EventRecords

  constructor(records: EventRecords, added: AddedFields & Pick<PlacedEvent, 'registered' | 'event'>) {
    this.place = added.place
    this.customerId = added.customerId
    this.registered = added.registered
    this.receivedMicros = added.receivedMicros
    this.arrival = added.arrival
    this.event = added.event
    this.#records = records
  }

  get eventKey(): string {
    return this.#records.eventKey(this.place)
  }

  get transactionId(): string {
    return this.#records.transactionId(this.place)
  }

  /** As it was sent. */
  get sent(): UsageEvent {
    return this.#records.event(this.place)
  }
}
