import { AppError, validationError } from '../../shared/errors.ts'
import { isJsonObject } from '../../shared/json/exact-json.ts'
import { parseUsageEvent, type UsageEvent } from '../../shared/metering/usage-event.ts'
import { requireEnvelope } from './envelope.ts'

/**
 * Reads the event of an estimate by the rules of one that is sent, but that it needs no transaction id, which is not
 * looked at. `keyCustomerId` is the customer of a key that speaks for one. Throws `validation_error` or `forbidden`.
 */
export function readSupposedEvent(
  body: unknown,
  { receivedAtMicros, keyCustomerId }: { receivedAtMicros: number; keyCustomerId: string | null },
): UsageEvent {
  const sent = requireEnvelope(body, 'event')
  const value = isJsonObject(sent) ? { transaction_id: 'estimate', ...sent } : sent
  const parsed = parseUsageEvent(value, { loc: ['body', 'event'], receivedAtMicros })
  if ('issues' in parsed) throw validationError(parsed.issues)
  const { event } = parsed
  if (keyCustomerId !== null && event.externalCustomerId !== keyCustomerId) {
    throw new AppError(
      'forbidden',
      `the API key speaks for the customer "${keyCustomerId}" and estimates no other's fees`,
    )
  }
  return event
}
