import { hash } from 'node:crypto'
import { copyBytes } from '../../shared/copy-bytes.ts'
import { canonicalProperties, identityText } from '../../shared/metering/event-identity.ts'
import { MOST_NAME_BYTES, type PlainEvent } from '../../shared/metering/plain-event.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { BinaryRows } from '../binary-rows.ts'
import {
  CODE,
  FIELD_HEAD,
  FIELDS_AT,
  HAS_PRODUCER,
  HASH_BYTES,
  HOLDS_RAW_NUMBERS,
  KEY_BYTES,
  TIMED_BY_SERVER,
  TIMESTAMP,
} from './record-format.ts'

// Most records are smaller; others make the buffer grow.
const USUAL_BYTES = 384

/** The records of the events. */
export function eventRecords(events: readonly UsageEvent[]): Buffer {
  const writer = new RecordWriter(events.length * USUAL_BYTES)
  for (const event of events) writer.write(event)
  return writer.take()
}

/** Writes records one after the other, as `record-format.ts` tells. */
export class RecordWriter {
  readonly #to: BinaryRows
  #count = 0
  #start = 0
  #fields = 0

  /** Has room for as many bytes at first. */
  constructor(firstBytes: number) {
    this.#to = new BinaryRows(firstBytes)
  }

  /** How many were written and not taken. */
  get count(): number {
    return this.#count
  }

  /** The bytes of those that were written since the last time. */
  take(): Buffer {
    this.#count = 0
    return this.#to.take()
  }

  write(event: UsageEvent): void {
    const { timedByServer, timestampMicros, producer } = event
    const properties = canonicalProperties(event.properties)
    this.#begin(
      (timedByServer ? TIMED_BY_SERVER : 0) |
        (producer === undefined ? 0 : HAS_PRODUCER) |
        (properties.holdsRawNumbers ? HOLDS_RAW_NUMBERS : 0),
    )
    this.#to.shortText(event.externalCustomerId)
    if (producer !== undefined) this.#to.shortText(producer.id).double(producer.sequence)
    this.#beginFields(identityText(event), timestampMicros)
    this.#to.text(event.code).text(event.source).text(event.transactionId).text(event.externalSubscriptionId)
    this.#to.numeric(event.preciseTotalAmountCents ?? null).jsonb(properties.text)
    this.#end(timedByServer)
  }

  /** The same record as that of the event which the parser reads. */
  writePlain(event: PlainEvent): void {
    const { bytes, timedByServer, source, externalSubscriptionId, properties } = event
    const isNumbered = event.producerId.isThere
    this.#begin((timedByServer ? TIMED_BY_SERVER : 0) | (isNumbered ? HAS_PRODUCER : 0))
    this.#to.shortTextFrom(bytes, event.externalCustomerId)
    if (isNumbered) this.#to.shortTextFrom(bytes, event.producerId).double(event.producerSequence)
    this.#beginFields(identityOf(event), event.timestampMicros)
    this.#to.textFrom(bytes, event.code)
    this.#to.textFrom(bytes, source.isThere ? source : NOTHING).textFrom(bytes, event.transactionId)
    if (externalSubscriptionId.isThere) this.#to.textFrom(bytes, externalSubscriptionId)
    else this.#to.null()
    this.#to.null()
    if (properties.length > 0) this.#to.jsonbFrom(properties.bytes, { start: 0, end: properties.length })
    else this.#to.jsonb(NO_PROPERTIES)
    this.#end(timedByServer)
  }

  #begin(flags: number): void {
    this.#start = this.#to.length
    this.#to.uint32(0).uint16(0).uint8(flags)
  }

  #beginFields(identity: string | Buffer, timestampMicros: number): void {
    this.#to.replaceUint16(this.#to.length - this.#start, this.#start + FIELDS_AT)
    this.#fields = this.#to.length
    const key = hash('sha256', identity, 'binary')
    this.#to.bytes(NO_HASH, HASH_BYTES).bytes(key, KEY_BYTES).timestamp(timestampMicros)
  }

  #end(timedByServer: boolean): void {
    const to = this.#to
    to.replaceUint32(to.length - this.#start, this.#start)
    // The time of an event that the server timed differs from resend to resend.
    const content = to.written(this.#fields + (timedByServer ? CODE : TIMESTAMP), to.length)
    to.replaceBytes(hash('sha256', content, 'binary'), HASH_BYTES, this.#fields + FIELD_HEAD)
    this.#count += 1
  }
}

const NO_HASH = '\0'.repeat(HASH_BYTES)
const NOTHING = { start: 0, end: 0 }
const NO_PROPERTIES = '{}'
const NO_SOURCE = Buffer.from('0:')
// Of two names, and the length of one. Used again for each event.
const identity = Buffer.alloc(4 + 2 * MOST_NAME_BYTES)

// As `identityText`, whose characters are bytes but for those of the transaction id.
function identityOf({ bytes, source, transactionId }: PlainEvent): Buffer {
  const sourceLength = source.isThere ? source.end - source.start : 0
  let end = sourceLength === 0 ? NO_SOURCE.length : identity.write(`${sourceLength}:`, 'latin1')
  if (sourceLength === 0) copyBytes(NO_SOURCE, 0, end, identity, 0)
  else end = copyBytes(bytes, source.start, source.end, identity, end)
  end = copyBytes(bytes, transactionId.start, transactionId.end, identity, end)
  return identity.subarray(0, end)
}
