import {
  afterSpace,
  CanonicalJson,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  digitsAt,
  endOfDigits,
  endOfName,
  isAscii,
  NOT_PLAIN,
  NULL,
  OPEN_OBJECT,
  QUOTE,
  standsAt,
} from '../json/plain-json.ts'
import { plainIsoMicros, plainSecondsMicros } from './plain-timestamp.ts'

/** The names of a plain event have no more. */
export const MOST_NAME_BYTES = 255
// More digits may be beyond the safe integers.
const MOST_SEQUENCE_DIGITS = 15
const NOWHERE = -1

/** From one place to before another; nothing is there while it begins at -1. */
export class Span {
  start = NOWHERE
  end = NOWHERE

  get isThere(): boolean {
    return this.start !== NOWHERE
  }
}

/**
 * An event read in place, as far as it is plain: an acceptable event whose text is plain JSON. It holds where the names
 * stand among the bytes, and the properties in canonical form. One object serves all events, one after the other.
 */
export class PlainEvent {
  readonly transactionId = new Span()
  readonly externalCustomerId = new Span()
  readonly code = new Span()
  readonly source = new Span()
  readonly externalSubscriptionId = new Span()
  readonly producerId = new Span()
  readonly properties = new CanonicalJson()
  /** 0 where there is none. */
  producerSequence = 0
  /** Microseconds since the epoch; the time of receipt where the event names none. */
  timestampMicros = 0
  timedByServer = true
  /** What it stands in. */
  bytes: Buffer = NO_BYTES
  #seen = 0

  /**
   * Reads the event that begins at the place. Answers with the place behind it, or with `NOT_PLAIN`; then nothing of it is
   * to be used. What it accepts, `parseUsageEvent` accepts, and reads the same. The bytes must be UTF-8.
   */
  read(bytes: Buffer, start: number, receivedAtMicros: number): number {
    this.#begin(bytes, receivedAtMicros)
    if (bytes[start] !== OPEN_OBJECT) return NOT_PLAIN
    let at = start
    do at = this.#field(afterSpace(bytes, at + 1))
    while (bytes[at] === COMMA)
    return bytes[at] === CLOSE_OBJECT && this.#isWhole() ? at + 1 : NOT_PLAIN
  }

  /** Lets go of the bytes, which nothing may be read of any more. */
  forget(): void {
    this.bytes = NO_BYTES
  }

  #begin(bytes: Buffer, receivedAtMicros: number): void {
    this.bytes = bytes
    for (const { span } of NAMES) this[span].start = NOWHERE
    this.properties.clear()
    this.producerSequence = 0
    this.timestampMicros = receivedAtMicros
    this.timedByServer = true
    this.#seen = 0
  }

  /** Answers with the place of what follows the field. */
  #field(at: number): number {
    const { bytes } = this
    if (bytes[at] !== QUOTE) return NOT_PLAIN
    const nameEnd = endOfName(bytes, at)
    const field = FIELDS[nameEnd - at - 1]
    if (field === undefined || !standsAt(bytes, at + 1, field.name) || (this.#seen & field.bit) !== 0) return NOT_PLAIN
    this.#seen |= field.bit
    const colon = afterSpace(bytes, nameEnd + 1)
    if (bytes[colon] !== COLON) return NOT_PLAIN
    const valueAt = afterSpace(bytes, colon + 1)
    const isNull = field.mayBeNull && standsAt(bytes, valueAt, NULL)
    const end = isNull ? valueAt + NULL.length : field.read(this, valueAt)
    return end === NOT_PLAIN ? NOT_PLAIN : afterSpace(bytes, end)
  }

  #isWhole(): boolean {
    const { transactionId, externalCustomerId, code, source, producerId, bytes } = this
    if (!transactionId.isThere || !externalCustomerId.isThere || !code.isThere) return false
    // The length that goes into its identity is that of the text.
    if (source.isThere && !isAscii(bytes, source.start, source.end)) return false
    return producerId.isThere === this.producerSequence > 0
  }

  /** The readers of fields answer with the place behind the value. */
  name(span: Span, at: number, least: number): number {
    const end = this.bytes[at] === QUOTE ? endOfName(this.bytes, at) : NOT_PLAIN
    const length = end - at - 1
    if (length < least || length > MOST_NAME_BYTES) return NOT_PLAIN
    span.start = at + 1
    span.end = end
    return end + 1
  }

  timestamp(at: number): number {
    const { bytes } = this
    const isText = bytes[at] === QUOTE
    const end = isText ? endOfName(bytes, at) : endOfDigits(bytes, at)
    if (end === NOT_PLAIN || bytes[at] === ZERO) return NOT_PLAIN
    const micros = isText ? plainIsoMicros(bytes, at + 1, end) : plainSecondsMicros(bytes, at, end)
    if (micros === NOT_PLAIN) return NOT_PLAIN
    this.timestampMicros = micros
    this.timedByServer = false
    return isText ? end + 1 : end
  }

  sequence(at: number): number {
    const end = endOfDigits(this.bytes, at)
    if (end === at || end - at > MOST_SEQUENCE_DIGITS || this.bytes[at] === ZERO) return NOT_PLAIN
    this.producerSequence = digitsAt(this.bytes, at, end)
    return end
  }
}

const NO_BYTES = Buffer.alloc(0)
const ZERO = 48

interface Field {
  readonly name: Uint8Array
  readonly bit: number
  readonly mayBeNull: boolean
  readonly read: (event: PlainEvent, at: number) => number
}

const NAMES = [
  { field: 'transaction_id', span: 'transactionId', least: 1, mayBeNull: false },
  { field: 'external_customer_id', span: 'externalCustomerId', least: 1, mayBeNull: false },
  { field: 'code', span: 'code', least: 1, mayBeNull: false },
  { field: 'source', span: 'source', least: 0, mayBeNull: false },
  { field: 'external_subscription_id', span: 'externalSubscriptionId', least: 1, mayBeNull: true },
  { field: 'producer_id', span: 'producerId', least: 1, mayBeNull: true },
] as const

// By the length of the name, which no two of them share. An event that names its price is left to the parser.
const FIELDS: readonly (Field | undefined)[] = byLength([
  ...NAMES.map(({ field, span, least, mayBeNull }) => ({
    field,
    mayBeNull,
    read: (event: PlainEvent, at: number) => event.name(event[span], at, least),
  })),
  { field: 'timestamp', mayBeNull: true, read: (event, at) => event.timestamp(at) },
  { field: 'properties', mayBeNull: true, read: (event, at) => event.properties.writeObject(event.bytes, at) },
  { field: 'producer_sequence', mayBeNull: true, read: (event, at) => event.sequence(at) },
  { field: 'precise_total_amount_cents', mayBeNull: true, read: () => NOT_PLAIN },
])

function byLength(
  fields: readonly { readonly field: string; readonly mayBeNull: boolean; readonly read: Field['read'] }[],
): (Field | undefined)[] {
  const sorted: (Field | undefined)[] = []
  for (const [index, { field, ...about }] of fields.entries()) {
    sorted[field.length] = { name: Buffer.from(field), bit: 1 << index, ...about }
  }
  return Array.from(sorted)
}
