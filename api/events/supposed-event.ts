import { AppError, validationError } from '../../shared/errors.ts'
import { isRawNumber } from '../../shared/json/exact-json.ts'
import { parseUsageEvent, type UsageEvent } from '../../shared/metering/usage-event.ts'

/**
 * Reads the event of an estimate by the rules of one that is sent, but that it needs no transaction id, which is not
 * looked at. `keyCustomerId` is the customer of a key that speaks for one. Throws `validation_error` or `forbidden`.
 */
export function readSupposedEvent(
  body: unknown,
  { receivedAtMicros, keyCustomerId }: { receivedAtMicros: number; keyCustomerId: string | null },
): UsageEvent {
  const sent = requireEnvelope(body)
  const value = isObject(sent) ? { transaction_id: 'estimate', ...sent } : sent
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

function requireEnvelope(body: unknown): unknown {
  if (!isObject(body)) throw validationError([{ loc: ['body'], msg: 'must be an object', type: 'dict_type' }])
  const { event, ...others } = body
  const issues = [
    ...Object.keys(others).map((name) => ({ loc: ['body', name], msg: 'unknown field', type: 'extra_forbidden' })),
    ...(event === undefined ? [{ loc: ['body', 'event'], msg: 'this field is required', type: 'missing' }] : []),
  ]
  if (issues.length > 0) throw validationError(issues)
  return event
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}
