import { randomUUID } from 'node:crypto'
import { ClientError } from './client-error.ts'
import { asJson, isPlain, requireJsonValue } from './json-values.ts'

/** One thing that a customer used. */
export interface UsageEvent {
  /** Names the event for ever; made up when left out. */
  readonly transactionId?: string
  readonly externalCustomerId: string
  readonly externalSubscriptionId?: string
  /** Which billable metrics read it. */
  readonly code: string
  /** A `Date`, ISO 8601 text with an offset, or seconds since 1970; now when left out. */
  readonly timestamp?: Date | string | number
  /**
   * Numbers that a double cannot hold exactly are better given as decimal text. `undefined` is left out; what JSON cannot
   * hold is refused.
   */
  readonly properties?: Readonly<Record<string, unknown>>
  /** Where it comes from; part of its identity. */
  readonly source?: string
  /** Its price, in minor units, as decimal text, where the price comes with the event. */
  readonly preciseTotalAmountCents?: string
}

/** The JSON text of an event as the service reads it. */
export interface EventText {
  readonly transactionId: string
  readonly text: string
}

const FIELDS: ReadonlySet<string> = new Set<keyof UsageEvent>([
  'transactionId',
  'externalCustomerId',
  'externalSubscriptionId',
  'code',
  'timestamp',
  'properties',
  'source',
  'preciseTotalAmountCents',
])
const MAX_NAME_LENGTH = 255
/** The largest event, in bytes of its JSON text. */
export const MAX_EVENT_BYTES = 1_048_576

/**
 * Writes an event down as it will be sent, however often: its transaction id and its time are fixed here. Throws
 * `invalid_event` for what can be told without the service, and `event_too_large`.
 */
export function eventText(event: UsageEvent): EventText {
  requireFields(event)
  const transactionId = event.transactionId ?? randomUUID()
  requireName('transactionId', transactionId)
  requireName('externalCustomerId', event.externalCustomerId)
  requireName('code', event.code)
  const properties = event.properties === undefined ? {} : asJson(event.properties)
  if (typeof properties !== 'object' || properties === null || !isPlain(properties)) {
    throw new ClientError('invalid_event', 'properties must be an object')
  }
  const text = toJson({
    transaction_id: transactionId,
    source: event.source,
    external_customer_id: event.externalCustomerId,
    external_subscription_id: event.externalSubscriptionId,
    code: event.code,
    timestamp: timestampOf(event.timestamp),
    precise_total_amount_cents: event.preciseTotalAmountCents,
    properties,
  })
  if (Buffer.byteLength(text) <= MAX_EVENT_BYTES) return { transactionId, text }
  throw new ClientError('event_too_large', `an event has at most ${MAX_EVENT_BYTES} bytes as JSON`)
}

/** The event with its number among all of its producer. */
export function numberedText(text: string, { producerId, sequence }: { producerId: string; sequence: number }): string {
  return `${text.slice(0, -1)},"producer_id":${JSON.stringify(producerId)},"producer_sequence":${sequence}}`
}

// A field with another name would be left out, and the event counted without it.
function requireFields(event: unknown): void {
  if (typeof event !== 'object' || event === null) throw new ClientError('invalid_event', 'an event must be an object')
  for (const [field, value] of Object.entries(event)) {
    if (value === undefined) continue
    if (!FIELDS.has(field)) throw new ClientError('invalid_event', `${field} is not a field of an event`)
    // A time is checked, and written down, as the time it is.
    if (field !== 'timestamp') requireWritable(field, value)
  }
}

function requireWritable(field: string, value: unknown): void {
  try {
    requireJsonValue(value, field)
  } catch (error) {
    if (error instanceof ClientError) throw error
    throw unwritable(field, error)
  }
}

function requireName(field: keyof UsageEvent, name: unknown): void {
  if (typeof name === 'string' && name.length >= 1 && name.length <= MAX_NAME_LENGTH) return
  throw new ClientError('invalid_event', `${field} must be text of 1 to ${MAX_NAME_LENGTH} characters`)
}

function timestampOf(timestamp: UsageEvent['timestamp']): string | number {
  if (timestamp === undefined) return new Date().toISOString()
  if (typeof timestamp === 'string' || Number.isFinite(timestamp)) return timestamp as string | number
  if (timestamp instanceof Date && Number.isFinite(timestamp.getTime())) return timestamp.toISOString()
  throw new ClientError('invalid_event', 'timestamp must be a valid Date, text, or seconds since 1970')
}

function toJson(value: object): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    throw unwritable('properties', error)
  }
}

// In circles, or deeper than can be followed.
function unwritable(field: string, cause: unknown): ClientError {
  return new ClientError('invalid_event', `${field} cannot be written as JSON`, cause)
}
