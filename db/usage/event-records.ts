import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { CountedFields } from '../../shared/metering/count-event.ts'
import { contentHashBytes, eventKeyBytes } from '../../shared/metering/event-identity.ts'
import type { ProducerPosition, UsageEvent } from '../../shared/metering/usage-event.ts'
import { BinaryRows, readNumeric, readTimestamp } from '../binary-rows.ts'

/*
 * A record is an event on its way to the tables, written where it is received and only copied from then on:
 *
 *   uint32  bytes of the record
 *   uint16  where its fields begin
 *   uint8   flags
 *   uint16 and text              the customer's external id
 *   (uint16 and text, float64)   producer and sequence, of an event that has them
 *   fields as COPY takes them    content hash, event key, timestamp, code, source, transaction id, external id of the
 *                                subscription, amount, properties
 *
 * Records one after the other are a list of events. Numbers are big-endian, as in the protocol of Postgres.
 */
const FIELDS_AT = 4
const FLAGS = 6
const CUSTOMER = 7
const TIMED_BY_SERVER = 1
const HAS_PRODUCER = 2
const FIELD_HEAD = 4
const KEY = FIELD_HEAD + 8
const TIMESTAMP = KEY + FIELD_HEAD + 16
const CODE = TIMESTAMP + FIELD_HEAD + 8
const JSONB_VERSION = 1

/** The columns of the fields that `copyIdentity` puts. */
export const IDENTITY_COLUMNS = 'content_hash, event_key, "timestamp"'
export const IDENTITY_FIELDS = 3
/** The columns of the fields that `copySent` puts. */
export const SENT_COLUMNS =
  'event_key, "timestamp", code, source, transaction_id, external_subscription_id, amount_minor, properties'
export const SENT_FIELDS = 8

// Most records are smaller; others make the buffer grow.
const USUAL_BYTES = 384

/** The records of the events. */
export function eventRecords(events: readonly UsageEvent[]): Buffer {
  const to = new BinaryRows(events.length * USUAL_BYTES)
  for (const event of events) writeRecord(event, to)
  return to.take()
}

function writeRecord(event: UsageEvent, to: BinaryRows): void {
  const { timedByServer, externalCustomerId, producer } = event
  const start = to.length
  to.uint32(0).uint16(0)
  to.uint8((timedByServer ? TIMED_BY_SERVER : 0) | (producer === undefined ? 0 : HAS_PRODUCER))
  to.shortText(externalCustomerId)
  if (producer !== undefined) to.shortText(producer.id).double(producer.sequence)
  to.replaceUint16(to.length - start, start + FIELDS_AT)
  to.bytes(contentHashBytes(event)).bytes(eventKeyBytes(event)).timestamp(event.timestampMicros)
  to.text(event.code).text(event.source).text(event.transactionId).text(event.externalSubscriptionId)
  to.numeric(event.preciseTotalAmountCents ?? null).jsonb(JSON.stringify(event.properties))
  to.replaceUint32(to.length - start, start)
}

/** A list of records; each event is told by its place, and read as far as is asked. */
export class EventRecords {
  readonly #bytes: Buffer
  readonly #starts: Uint32Array

  private constructor(bytes: Buffer, starts: Uint32Array) {
    this.#bytes = bytes
    this.#starts = starts
  }

  /** Throws when the bytes are not whole records, as many as they should be. */
  static read(bytes: Buffer, count: number): EventRecords {
    const starts = new Uint32Array(count)
    let [place, at] = [0, 0]
    for (; place < count && at + CUSTOMER < bytes.length; place += 1) {
      starts[place] = at
      at += bytes.readUInt32BE(at)
    }
    if (place !== count || at !== bytes.length) throw new RangeError(`the bytes are not those of ${count} events`)
    return new EventRecords(bytes, starts)
  }

  /** All of them in one list. */
  static join(lists: readonly EventRecords[]): EventRecords {
    const [only] = lists
    if (lists.length === 1 && only !== undefined) return only
    const starts = new Uint32Array(lists.reduce((sum, { count }) => sum + count, 0))
    let [place, at] = [0, 0]
    for (const list of lists) {
      for (const start of list.#starts) {
        starts[place] = at + start
        place += 1
      }
      at += list.#bytes.length
    }
    return new EventRecords(Buffer.concat(lists.map((list) => list.#bytes)), starts)
  }

  /** The places of some of them, as a list of its own. */
  slice(from: number, to: number): EventRecords {
    return new EventRecords(this.#bytes, this.#starts.slice(from, to))
  }

  get count(): number {
    return this.#starts.length
  }

  externalCustomerId(place: number): string {
    return this.#shortText(this.#start(place) + CUSTOMER)
  }

  timestampMicros(place: number): number {
    return readTimestamp(this.#bytes, this.#fields(place) + TIMESTAMP + FIELD_HEAD)
  }

  /** Hexadecimal text. */
  eventKey(place: number): string {
    const at = this.#fields(place) + KEY + FIELD_HEAD
    return this.#bytes.toString('hex', at, at + 16)
  }

  /** The first bits of the event key, which order most keys: an integer of 32 bits without a sign. */
  keyPrefix(place: number): number {
    return this.#bytes.readUInt32BE(this.#fields(place) + KEY + FIELD_HEAD)
  }

  /** Negative, 0 or positive, as the one key sorts before the other, is the same or comes after it. */
  compareKeys(one: number, other: number): number {
    const bytes = this.#bytes
    const left = this.#fields(one) + KEY
    const right = this.#fields(other) + KEY
    return bytes.compare(bytes, right, right + FIELD_HEAD + 16, left, left + FIELD_HEAD + 16)
  }

  contentHash(place: number): bigint {
    return this.#bytes.readBigInt64BE(this.#fields(place) + FIELD_HEAD)
  }

  copyIdentity(place: number, to: BinaryRows): BinaryRows {
    const at = this.#fields(place)
    return to.copy(this.#bytes, at, at + CODE)
  }

  copySent(place: number, to: BinaryRows): BinaryRows {
    const start = this.#start(place)
    return to.copy(this.#bytes, this.#fields(place) + KEY, start + this.#bytes.readUInt32BE(start))
  }

  countedFields(place: number): CountedFields {
    const code = this.#fields(place) + CODE
    const source = this.#next(code)
    const transactionId = this.#next(source)
    const subscription = this.#next(transactionId)
    const amount = this.#next(subscription)
    return {
      code: this.#text(code) ?? '',
      externalSubscriptionId: this.#text(subscription),
      timestampMicros: this.timestampMicros(place),
      properties: this.#json(this.#next(amount)),
    }
  }

  /** The whole event. */
  event(place: number): UsageEvent {
    const source = this.#next(this.#fields(place) + CODE)
    const transactionId = this.#next(source)
    const amount = this.#next(this.#next(transactionId))
    const producer = this.producer(place)
    return {
      externalCustomerId: this.externalCustomerId(place),
      source: this.#text(source) ?? '',
      transactionId: this.#text(transactionId) ?? '',
      ...this.countedFields(place),
      timedByServer: (this.#flags(place) & TIMED_BY_SERVER) !== 0,
      ...(this.#isNull(amount) ? {} : { preciseTotalAmountCents: readNumeric(this.#bytes, amount + FIELD_HEAD) }),
      ...(producer === undefined ? {} : { producer }),
    }
  }

  producer(place: number): ProducerPosition | undefined {
    if ((this.#flags(place) & HAS_PRODUCER) === 0) return undefined
    const customer = this.#start(place) + CUSTOMER
    const id = customer + 2 + this.#bytes.readUInt16BE(customer)
    return { id: this.#shortText(id), sequence: this.#bytes.readDoubleBE(this.#fields(place) - 8) }
  }

  #start(place: number): number {
    return this.#starts[place] as number
  }

  #fields(place: number): number {
    const start = this.#start(place)
    return start + this.#bytes.readUInt16BE(start + FIELDS_AT)
  }

  #flags(place: number): number {
    return this.#bytes.readUInt8(this.#start(place) + FLAGS)
  }

  #shortText(at: number): string {
    return this.#bytes.toString('utf8', at + 2, at + 2 + this.#bytes.readUInt16BE(at))
  }

  #isNull(field: number): boolean {
    return this.#bytes.readInt32BE(field) === -1
  }

  /** Where the field after this one begins. */
  #next(field: number): number {
    return field + FIELD_HEAD + Math.max(this.#bytes.readInt32BE(field), 0)
  }

  #text(field: number): string | null {
    if (this.#isNull(field)) return null
    return this.#bytes.toString('utf8', field + FIELD_HEAD, this.#next(field))
  }

  #json(field: number): UsageEvent['properties'] {
    const text = this.#bytes.toString('utf8', field + FIELD_HEAD + JSONB_VERSION, this.#next(field))
    return parseExactJson(text) as UsageEvent['properties']
  }
}
