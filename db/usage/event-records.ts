import { assert } from '../../shared/errors.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { SelectedFields } from '../../shared/json/selected-fields.ts'
import { KnownTexts } from '../../shared/known-texts.ts'
import type { CountedFields, CountedMetric } from '../../shared/metering/count-event.ts'
import { propertiesRead } from '../../shared/metering/properties-read.ts'
import type { ProducerPosition, UsageEvent } from '../../shared/metering/usage-event.ts'
import { int32At, uint16At, uint32At } from '../big-endian.ts'
import { type BinaryRows, readNumeric, readTimestamp } from '../binary-rows.ts'
import {
  CODE,
  CUSTOMER,
  FIELD_HEAD,
  FIELDS_AT,
  FLAGS,
  HAS_PRODUCER,
  HOLDS_RAW_NUMBERS,
  KEY,
  KEY_BYTES,
  TIMED_BY_SERVER,
  TIMESTAMP,
} from './record-format.ts'
import { eventRecords } from './record-writer.ts'

const SEQUENCE_BYTES = 8
const JSONB_VERSION_BYTES = 1
const MOST_LISTS = 2 ** 16

/** The columns of the fields that `copyIdentity` puts. */
export const IDENTITY_COLUMNS = 'content_hash, event_key, "timestamp"'
export const IDENTITY_FIELDS = 3
/** The columns of the fields that `copySent` puts. */
export const SENT_COLUMNS =
  'event_key, "timestamp", code, source, transaction_id, external_subscription_id, amount_minor, properties'
export const SENT_FIELDS = 8

/** 64 bits, as a signed integer, that tell a resend of an event from another event under the same identity. */
export function contentHash(event: UsageEvent): bigint {
  return EventRecords.read(eventRecords([event]), 1).contentHash(0)
}

/** The properties that are asked for of events of a code; undefined where all of them are. */
export type SelectionOf = (code: string) => SelectedFields | undefined

const ALL_PROPERTIES: SelectionOf = () => undefined

const names = new KnownTexts()

/** The selection of the properties that counting for the metrics reads, by the code of the events. */
export function selectionFor(metrics: ReadonlyMap<string, readonly CountedMetric[]>): SelectionOf {
  const selections = new Map<string, SelectedFields | undefined>()
  return (code) =>
    selections.getOrInsertComputed(code, () => {
      const read = propertiesRead(metrics.get(code) ?? [])
      return read && new SelectedFields(read, names)
    })
}

/** A list of records; each event is told by its place, and read as far as is asked. */
export class EventRecords {
  readonly #lists: readonly Buffer[]
  /** Which list holds the record, where in it, and where its fields, by place. */
  readonly #listOf: Uint16Array
  readonly #starts: Uint32Array
  readonly #fields: Uint32Array

  private constructor(lists: readonly Buffer[], { listOf, starts, fields }: Positions) {
    this.#lists = lists
    this.#listOf = listOf
    this.#starts = starts
    this.#fields = fields
  }

  /** Throws when the bytes are not whole records, as many as they should be. */
  static read(bytes: Buffer, count: number): EventRecords {
    const positions = positionsOf(count)
    let [place, at] = [0, 0]
    for (; place < count && at + CUSTOMER < bytes.length; place += 1) {
      positions.starts[place] = at
      positions.fields[place] = at + uint16At(bytes, at + FIELDS_AT)
      at += uint32At(bytes, at)
    }
    if (place !== count || at !== bytes.length) throw new RangeError(`the bytes are not those of ${count} events`)
    return new EventRecords([bytes], positions)
  }

  /** All of them in the places of one list; their bytes stay where they are. At most 65,536 were read one by one. */
  static join(parts: readonly EventRecords[]): EventRecords {
    const count = parts.reduce((sum, part) => sum + part.count, 0)
    const positions = positionsOf(count)
    const lists: Buffer[] = []
    let place = 0
    for (const part of parts) {
      positions.starts.set(part.#starts, place)
      positions.fields.set(part.#fields, place)
      for (const list of part.#listOf) positions.listOf[place++] = lists.length + list
      lists.push(...part.#lists)
    }
    assert(lists.length <= MOST_LISTS, 'too many lists of events are joined')
    return new EventRecords(lists, positions)
  }

  /** The places of some of them, as a list of its own. */
  slice(from: number, to: number): EventRecords {
    return new EventRecords(this.#lists, {
      listOf: this.#listOf.slice(from, to),
      starts: this.#starts.slice(from, to),
      fields: this.#fields.slice(from, to),
    })
  }

  get count(): number {
    return this.#starts.length
  }

  externalCustomerId(place: number): string {
    return shortText(this.#bytes(place), this.#start(place) + CUSTOMER)
  }

  timestampMicros(place: number): number {
    return readTimestamp(this.#bytes(place), this.#fieldsAt(place) + TIMESTAMP + FIELD_HEAD)
  }

  /** Hexadecimal text. */
  eventKey(place: number): string {
    const at = this.#fieldsAt(place) + KEY + FIELD_HEAD
    return this.#bytes(place).toString('hex', at, at + KEY_BYTES)
  }

  /** The first bits of the event key, which order most keys: an integer of 32 bits without a sign. */
  keyPrefix(place: number): number {
    return uint32At(this.#bytes(place), this.#fieldsAt(place) + KEY + FIELD_HEAD)
  }

  /** The 32 bits behind them. */
  keyInfix(place: number): number {
    return uint32At(this.#bytes(place), this.#fieldsAt(place) + KEY + FIELD_HEAD + 4)
  }

  /** Negative, 0 or positive, as the one key sorts before the other, is the same or comes after it. */
  compareKeys(one: number, other: number): number {
    const left = this.#fieldsAt(one) + KEY + FIELD_HEAD
    const right = this.#fieldsAt(other) + KEY + FIELD_HEAD
    return this.#bytes(one).compare(this.#bytes(other), right, right + KEY_BYTES, left, left + KEY_BYTES)
  }

  /** As `contentHash` of the event. */
  contentHash(place: number): bigint {
    return this.#bytes(place).readBigInt64BE(this.#fieldsAt(place) + FIELD_HEAD)
  }

  copyIdentity(place: number, to: BinaryRows): BinaryRows {
    const at = this.#fieldsAt(place)
    return to.copy(this.#bytes(place), at, at + CODE)
  }

  copySent(place: number, to: BinaryRows): BinaryRows {
    const bytes = this.#bytes(place)
    const start = this.#start(place)
    return to.copy(bytes, this.#fieldsAt(place) + KEY, start + uint32At(bytes, start))
  }

  /** What counting reads; of the properties those that the code of the event selects, or all where it selects none. */
  countedFields(place: number, selectionOf: SelectionOf = ALL_PROPERTIES): CountedFields {
    const bytes = this.#bytes(place)
    const codeAt = this.#fieldsAt(place) + CODE
    const subscription = fieldAfter(bytes, fieldAfter(bytes, fieldAfter(bytes, codeAt)))
    const code = nameOf(bytes, codeAt) ?? ''
    return {
      code,
      externalSubscriptionId: nameOf(bytes, subscription),
      timestampMicros: this.timestampMicros(place),
      properties: this.#properties(place, fieldAfter(bytes, fieldAfter(bytes, subscription)), selectionOf(code)),
    }
  }

  /** The whole event. */
  event(place: number): UsageEvent {
    const bytes = this.#bytes(place)
    const source = fieldAfter(bytes, this.#fieldsAt(place) + CODE)
    const amount = fieldAfter(bytes, fieldAfter(bytes, fieldAfter(bytes, source)))
    const producer = this.producer(place)
    return {
      externalCustomerId: this.externalCustomerId(place),
      source: textOf(bytes, source) ?? '',
      transactionId: this.transactionId(place),
      ...this.countedFields(place),
      timedByServer: (this.#flags(place) & TIMED_BY_SERVER) !== 0,
      ...(isNull(bytes, amount) ? {} : { preciseTotalAmountCents: readNumeric(bytes, amount + FIELD_HEAD) }),
      ...(producer === undefined ? {} : { producer }),
    }
  }

  transactionId(place: number): string {
    const bytes = this.#bytes(place)
    return textOf(bytes, fieldAfter(bytes, fieldAfter(bytes, this.#fieldsAt(place) + CODE))) ?? ''
  }

  producer(place: number): ProducerPosition | undefined {
    if ((this.#flags(place) & HAS_PRODUCER) === 0) return undefined
    const bytes = this.#bytes(place)
    const customer = this.#start(place) + CUSTOMER
    const id = shortText(bytes, customer + 2 + uint16At(bytes, customer))
    return { id, sequence: bytes.readDoubleBE(this.#fieldsAt(place) - SEQUENCE_BYTES) }
  }

  // Most have no number that reading would alter, so they need not be searched for one.
  #properties(place: number, field: number, selection: SelectedFields | undefined): UsageEvent['properties'] {
    const bytes = this.#bytes(place)
    const [start, end] = [field + FIELD_HEAD + JSONB_VERSION_BYTES, fieldAfter(bytes, field)]
    const holdsRawNumbers = (this.#flags(place) & HOLDS_RAW_NUMBERS) !== 0
    if (selection !== undefined) return selection.read({ bytes, start, end, holdsRawNumbers })
    const text = bytes.toString('utf8', start, end)
    return holdsRawNumbers ? (parseExactJson(text) as UsageEvent['properties']) : JSON.parse(text)
  }

  /** The list that holds the record. */
  #bytes(place: number): Buffer {
    return this.#lists[this.#listOf[place] as number] as Buffer
  }

  #start(place: number): number {
    return this.#starts[place] as number
  }

  #fieldsAt(place: number): number {
    return this.#fields[place] as number
  }

  #flags(place: number): number {
    return this.#bytes(place)[this.#start(place) + FLAGS] as number
  }
}

// Where each is, by place: held, because the fields of a record are looked up many times.
interface Positions {
  readonly listOf: Uint16Array
  readonly starts: Uint32Array
  readonly fields: Uint32Array
}

function positionsOf(count: number): Positions {
  return { listOf: new Uint16Array(count), starts: new Uint32Array(count), fields: new Uint32Array(count) }
}

function shortText(bytes: Buffer, at: number): string {
  return names.of(bytes, at + 2, at + 2 + uint16At(bytes, at))
}

function isNull(bytes: Buffer, field: number): boolean {
  return int32At(bytes, field) === -1
}

function fieldAfter(bytes: Buffer, field: number): number {
  return field + FIELD_HEAD + Math.max(int32At(bytes, field), 0)
}

/** As `textOf`, of a text that many events share. */
function nameOf(bytes: Buffer, field: number): string | null {
  return isNull(bytes, field) ? null : names.of(bytes, field + FIELD_HEAD, fieldAfter(bytes, field))
}

function textOf(bytes: Buffer, field: number): string | null {
  return isNull(bytes, field) ? null : bytes.toString('utf8', field + FIELD_HEAD, fieldAfter(bytes, field))
}
