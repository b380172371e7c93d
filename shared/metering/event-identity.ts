import { hash } from 'node:crypto'
import { isRawNumber } from '../json/exact-json.ts'
import type { UsageEvent } from './usage-event.ts'

/** 128 bits, as hexadecimal text, that identify an event within its customer: of source and transaction id. */
export function eventKey(event: Pick<UsageEvent, 'source' | 'transactionId'>): string {
  // The length keeps ("a", "bc") and ("ab", "c") apart.
  return hash('sha256', `${event.source.length}:${event.source}${event.transactionId}`).slice(0, 32)
}

/**
 * The key of the row that an amendment puts in the place of another: the same event, told apart by its revision, which is 2
 * for the first amendment. What was sent has revision 1 and the event's own key.
 */
export function revisionKey(
  { source, transactionId }: Pick<UsageEvent, 'source' | 'transactionId'>,
  revision: number,
): string {
  // An event's own key is a hash of text that begins with a digit.
  return hash('sha256', `revision ${revision} of ${source.length}:${source}${transactionId}`).slice(0, 32)
}

/** 64 bits, as a signed integer, that tell a resend of an event from another event under the same identity. */
export function contentHash(event: UsageEvent): bigint {
  const time = event.timedByServer ? null : event.timestampMicros
  const { preciseTotalAmountCents: amount } = event
  const said = [event.code, event.externalSubscriptionId, time, canonical(event.properties)]
  const content = amount === undefined ? said : [...said, amount]
  return BigInt.asIntN(64, BigInt(`0x${hash('sha256', JSON.stringify(content)).slice(0, 16)}`))
}

// The order of keys carries no meaning in JSON, so a resend may change it.
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return value
  if (Array.isArray(value)) return value.map(canonical)
  return Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, inner]) => [key, canonical(inner)])
}
