import { hash } from 'node:crypto'
import { isRawNumber } from '../json/exact-json.ts'
import type { UsageEvent } from './usage-event.ts'

/** 128 bits, as hexadecimal text, that identify an event within its customer: of source and transaction id. */
export function eventKey(event: Identified): string {
  return hash('sha256', identityOf(event)).slice(0, 32)
}

/** The same bits as 16 characters, one for each byte. */
export function eventKeyBytes(event: Identified): string {
  return hash('sha256', identityOf(event), 'binary').slice(0, 16)
}

type Identified = Pick<UsageEvent, 'source' | 'transactionId'>

// The length keeps ("a", "bc") and ("ab", "c") apart.
function identityOf({ source, transactionId }: Identified): string {
  return `${source.length}:${source}${transactionId}`
}

/**
 * The key of the row that an amendment puts in the place of another: the same event, told apart by its revision, which is 2
 * for the first amendment. What was sent has revision 1 and the event's own key.
 */
export function revisionKey({ source, transactionId }: Identified, revision: number): string {
  // An event's own key is a hash of text that begins with a digit.
  return hash('sha256', `revision ${revision} of ${source.length}:${source}${transactionId}`).slice(0, 32)
}

/** 64 bits, as a signed integer, that tell a resend of an event from another event under the same identity. */
export function contentHash(event: UsageEvent): bigint {
  return BigInt.asIntN(64, BigInt(`0x${hash('sha256', contentOf(event)).slice(0, 16)}`))
}

/** The same bits as 8 characters, one for each byte. */
export function contentHashBytes(event: UsageEvent): string {
  return hash('sha256', contentOf(event), 'binary').slice(0, 8)
}

function contentOf(event: UsageEvent): string {
  const time = event.timedByServer ? null : event.timestampMicros
  const { preciseTotalAmountCents: amount } = event
  const said = [event.code, event.externalSubscriptionId, time, canonical(event.properties)]
  return JSON.stringify(amount === undefined ? said : [...said, amount])
}

// The order of keys carries no meaning in JSON, so a resend may change it.
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return value
  if (Array.isArray(value)) return value.map(canonical)
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, inner]) => [key, canonical(inner)])
}
