import type { Issue } from '../errors.ts'
import { decimalOf, isJsonObject, isRawNumber, isStorableNumber } from '../json/exact-json.ts'
import { parseTimestampMicros } from './timestamp.ts'

/** One thing a customer used, checked and ready to be counted. */
export interface UsageEvent {
  readonly externalCustomerId: string
  /** Where it comes from; together with the transaction id it identifies the event within its customer. */
  readonly source: string
  readonly transactionId: string
  readonly code: string
  readonly externalSubscriptionId: string | null
  /** Microseconds since the epoch, a safe integer. */
  readonly timestampMicros: number
  /** The event named no time: what it was given is the time of its arrival, which differs from retry to retry. */
  readonly timedByServer: boolean
  /** The price that the event itself names, in minor units of the customer's currency, as decimal text. */
  readonly preciseTotalAmountCents?: string
  /** Present when its sender numbers what it sends; part neither of the event's identity nor of its content. */
  readonly producer?: ProducerPosition
  /** Numbers that a double would alter are `RawNumber`, so the text that was sent is the text that is stored. */
  readonly properties: Readonly<Record<string, unknown>>
}

/** Which event of a producer it is: one sender that numbers its events from 1 without leaving any out. */
export interface ProducerPosition {
  readonly id: string
  readonly sequence: number
}

/** An event as it was read, or every reason why it is refused. */
export type ParsedEvent = { readonly event: UsageEvent } | { readonly issues: readonly Issue[] }

const MAX_NAME_LENGTH = 255
const MAX_DEPTH = 32
/** One event cannot be wrong in more ways than help anybody; a hostile one has a million unknown fields. */
export const MAX_EVENT_ISSUES = 20
const FIELDS: ReadonlySet<string> = new Set([
  'transaction_id',
  'source',
  'external_customer_id',
  'external_subscription_id',
  'code',
  'timestamp',
  'precise_total_amount_cents',
  'properties',
  'producer_id',
  'producer_sequence',
])

/**
 * Reads one event as it was sent. `receivedAtMicros` is its time when it names none. Answers with the event, or with
 * every reason why it is refused; `loc` is the path of the event in the request.
 */
export function parseUsageEvent(
  value: unknown,
  { loc, receivedAtMicros }: { loc: readonly (string | number)[]; receivedAtMicros: number },
): ParsedEvent {
  if (!isJsonObject(value)) return { issues: [{ loc, msg: 'an event is a JSON object', type: 'object_type' }] }
  const issues: Issue[] = []
  const refuse: Refuse = (field, msg, type, path = []) => {
    if (issues.length < MAX_EVENT_ISSUES) issues.push({ loc: [...loc, field, ...path], msg, type })
  }
  // No list of the fields is made: of what reading an event leaves behind, such lists would be a quarter.
  for (const field in value) {
    if (!FIELDS.has(field)) refuse(field, 'unknown field', 'extra_forbidden')
  }
  const named: UsageEvent = {
    externalCustomerId: readName(value, 'external_customer_id', refuse),
    source: value['source'] === undefined ? '' : readName(value, 'source', refuse, 0),
    transactionId: readName(value, 'transaction_id', refuse),
    code: readName(value, 'code', refuse),
    externalSubscriptionId:
      value['external_subscription_id'] == null ? null : readName(value, 'external_subscription_id', refuse),
    timestampMicros: readTimestamp(value['timestamp'], receivedAtMicros, refuse),
    timedByServer: value['timestamp'] == null,
    properties: readProperties(value['properties'], refuse),
  }
  const event = isPlain(value)
    ? named
    : { ...named, ...readAmount(value['precise_total_amount_cents'], refuse), ...readProducer(value, refuse) }
  return issues.length === 0 ? { event } : { issues }
}

// Few events name a price or number themselves, and copying fields is what reading the others would cost most.
function isPlain(value: Record<string, unknown>): boolean {
  return (
    value['precise_total_amount_cents'] == null && value['producer_id'] == null && value['producer_sequence'] == null
  )
}

/** `path` is where the fault is within the field. */
type Refuse = (field: string, msg: string, type: string, path?: readonly (string | number)[]) => void

function readName(value: Record<string, unknown>, field: string, refuse: Refuse, least = 1): string {
  const name = value[field]
  if (name === undefined) refuse(field, 'this field is required', 'missing')
  else if (typeof name !== 'string') refuse(field, 'must be a string', 'string_type')
  else if (name.length < least || name.length > MAX_NAME_LENGTH) {
    refuse(field, `must have ${least} to ${MAX_NAME_LENGTH} characters`, 'string_length')
  } else if (!isStorable(name)) refuse(field, UNSTORABLE, 'string_unstorable')
  else return name
  return ''
}

function readTimestamp(value: unknown, receivedAtMicros: number, refuse: Refuse): number {
  if (value == null) return receivedAtMicros
  const micros = parseTimestampMicros(value)
  if (micros !== undefined) return micros
  refuse(
    'timestamp',
    'must be ISO 8601 with an offset, or seconds since 1970, between the years 2000 and 2100',
    'timestamp',
  )
  return 0
}

function readAmount(value: unknown, refuse: Refuse): Pick<UsageEvent, 'preciseTotalAmountCents'> {
  if (value == null) return {}
  const amount = decimalOf(value)
  if (amount !== undefined) return { preciseTotalAmountCents: amount.toFixed() }
  refuse('precise_total_amount_cents', 'must be a decimal of at most 30 digits on either side of the point', 'decimal')
  return {}
}

const UNNUMBERED = {}

function readProducer(value: Record<string, unknown>, refuse: Refuse): Pick<UsageEvent, 'producer'> {
  const sequence = value['producer_sequence']
  if (value['producer_id'] == null && sequence == null) return UNNUMBERED
  const id = readName(value, 'producer_id', refuse)
  if (Number.isSafeInteger(sequence) && (sequence as number) >= 1)
    return { producer: { id, sequence: sequence as number } }
  refuse(
    'producer_sequence',
    'must be an integer from 1 to 9007199254740991, given together with producer_id',
    'sequence',
  )
  return UNNUMBERED
}

function readProperties(value: unknown, refuse: Refuse): Readonly<Record<string, unknown>> {
  if (value == null) return {}
  if (!isJsonObject(value)) {
    refuse('properties', 'must be a JSON object', 'object_type')
    return {}
  }
  const fault = findUnstorable(value, MAX_DEPTH)
  if (fault !== undefined) refuse('properties', fault.msg, 'properties_unstorable', fault.path)
  return value
}

const UNSTORABLE = 'must not contain the NUL character or half of a surrogate pair'

// Postgres text and jsonb can hold neither.
function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

interface PropertyFault {
  readonly msg: string
  readonly path: readonly (string | number)[]
}

function findUnstorable(value: unknown, depthLeft: number): PropertyFault | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : faultHere(UNSTORABLE)
  if (typeof value !== 'object' || value === null) return undefined
  if (isRawNumber(value)) return isStorableNumber(value) ? undefined : faultHere('holds a number that is too long')
  if (depthLeft === 0) return faultHere(`must not be nested deeper than ${MAX_DEPTH} levels`)
  for (const key in value) {
    if (!isStorable(key)) return faultHere(UNSTORABLE)
    const fault = findUnstorable((value as Record<string, unknown>)[key], depthLeft - 1)
    // The path is put together on the way back, because few events have a fault.
    if (fault !== undefined) return { ...fault, path: [Array.isArray(value) ? Number(key) : key, ...fault.path] }
  }
  return undefined
}

function faultHere(msg: string): PropertyFault {
  return { msg, path: [] }
}
