import type { Subject } from '../../db/webhooks/subjects.ts'
import type { UncomposedMessage } from '../../db/webhooks/uncomposed-messages.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'

/** The JSON that endpoints get: what happened, when, and to what. A subject that is gone leaves its ids. */
export function messageBody(
  { type, occurredAt, subject: ids }: UncomposedMessage,
  subject: Subject | undefined,
): string {
  const { id: _id, ...fields } = subject ?? { id: '' }
  return JSON.stringify({ type, timestamp: occurredAt.toString(), data: { ...ids, ...answerFields(fields) } })
}

// Spelled as the API answers them: instants as text, minor units as integers of any length.
function answerFields(fields: Omit<Subject, 'id'>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      if (value instanceof Temporal.Instant) return [key, value.toString()]
      return [key, typeof value === 'string' && name.endsWith('Cents') ? parseExactJson(value) : value]
    }),
  )
}
