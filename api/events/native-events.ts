import { validationError } from '../../shared/errors.ts'
import { isRawNumber } from '../../shared/json/exact-json.ts'
import { parseUsageEvent } from '../../shared/metering/usage-event.ts'
import { type EventFormat, lengthFault } from './accept-events.ts'

/** Events in our own words, in an envelope that names them. */
export const NATIVE_EVENTS: EventFormat = {
  requireList: (body) => ({ values: requireEnvelope(body), loc: ['body', 'events'] }),
  parse: parseUsageEvent,
  idField: 'transaction_id',
}

function requireEnvelope(body: unknown): readonly unknown[] {
  if (!isObject(body)) throw validationError([{ loc: ['body'], msg: 'must be an object', type: 'dict_type' }])
  const { events, ...others } = body
  const unknownFields = Object.keys(others).map((name) => ({ name, msg: 'unknown field', type: 'extra_forbidden' }))
  const issues = [...unknownFields, ...envelopeFaults(events)]
  if (issues.length > 0) throw validationError(issues.map(({ name, ...issue }) => ({ loc: ['body', name], ...issue })))
  return events as unknown[]
}

function envelopeFaults(events: unknown): { name: 'events'; msg: string; type: string }[] {
  if (events === undefined) return [{ name: 'events', msg: 'this field is required', type: 'missing' }]
  if (!Array.isArray(events)) return [{ name: 'events', msg: 'must be a list', type: 'list_type' }]
  const fault = lengthFault(events)
  return fault === undefined ? [] : [{ name: 'events', ...fault }]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}
