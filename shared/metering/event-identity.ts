import { hash } from 'node:crypto'
import { isRawNumber, type RawNumber, rawNumber } from '../json/exact-json.ts'
import { plainDigits } from '../json/plain-digits.ts'
import type { UsageEvent } from './usage-event.ts'

/** 128 bits, as hexadecimal text, that identify an event within its customer: of source and transaction id. */
export function eventKey(event: Identified): string {
  return hash('sha256', identityText(event)).slice(0, 32)
}

/** The text whose hash begins with the key of an event. */
export function identityText({ source, transactionId }: Identified): string {
  // The length keeps ("a", "bc") and ("ab", "c") apart.
  return `${source.length}:${source}${transactionId}`
}

type Identified = Pick<UsageEvent, 'source' | 'transactionId'>

/**
 * The key of the row that an amendment puts in the place of another: the same event, told apart by its revision, which is 2
 * for the first amendment. What was sent has revision 1 and the event's own key.
 */
export function revisionKey({ source, transactionId }: Identified, revision: number): string {
  // An event's own key is a hash of text that begins with a digit.
  return hash('sha256', `revision ${revision} of ${source.length}:${source}${transactionId}`).slice(0, 32)
}

/**
 * JSON text of properties that is the same for the same properties: the order of keys carries no meaning in JSON, so a
 * resend may change it, and numbers are as the database will write them, so that a stored event says the same. Says as well
 * whether there may be a number in it that a double would alter.
 */
export function canonicalProperties(properties: UsageEvent['properties']): { text: string; holdsRawNumbers: boolean } {
  const seen = { rawNumbers: 0 }
  const text = JSON.stringify(canonical(properties, seen))
  return { text, holdsRawNumbers: seen.rawNumbers > 0 }
}

function canonical(value: unknown, seen: { rawNumbers: number }): unknown {
  if (typeof value === 'number') return isWrittenPlainly(value) ? value : plainNumber(String(value), seen)
  if (typeof value !== 'object' || value === null) return value
  if (isRawNumber(value)) return plainNumber(value.rawJSON, seen)
  if (Array.isArray(value)) return value.map((item) => canonical(item, seen))
  const keys = sortedKeys(value)
  // An ordinary object would take this key for its prototype.
  const sorted: Record<string, unknown> = keys.includes('__proto__') ? Object.create(null) : {}
  for (const key of keys) sorted[key] = canonical((value as Record<string, unknown>)[key], seen)
  return sorted
}

// Others are written with an exponent.
function isWrittenPlainly(value: number): boolean {
  const size = Math.abs(value)
  return (size >= 1e-6 && size < 1e21) || size === 0
}

function plainNumber(text: string, seen: { rawNumbers: number }): RawNumber {
  seen.rawNumbers += 1
  return rawNumber(plainDigits(text))
}

const FEW_KEYS = 16

// Every event passes here, and nearly all have few properties: putting them in place costs half of a call to sort.
function sortedKeys(value: object): string[] {
  const keys = Object.keys(value)
  if (keys.length > FEW_KEYS) return keys.sort()
  for (let index = 1; index < keys.length; index += 1) {
    const key = keys[index] as string
    let place = index
    for (; place > 0 && (keys[place - 1] as string) > key; place -= 1) keys[place] = keys[place - 1] as string
    keys[place] = key
  }
  return keys
}
