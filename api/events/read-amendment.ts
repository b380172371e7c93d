import type Type from 'typebox'
import { type AppError, type Issue, validationError } from '../../shared/errors.ts'
import { isJsonObject } from '../../shared/json/exact-json.ts'
import type { EventChanges } from '../../shared/metering/amend-event.ts'
import { parseUsageEvent } from '../../shared/metering/usage-event.ts'
import { CorrectionInput } from '../schemas/event-correction.ts'
import { validatorCompiler } from '../validation.ts'

const AMENDABLE: ReadonlySet<string> = new Set([
  'code',
  'external_subscription_id',
  'timestamp',
  'precise_total_amount_cents',
  'properties',
])

const checkCorrection = validatorCompiler({ schema: CorrectionInput, method: 'POST', url: '', httpPart: 'body' })

/**
 * Reads an amendment: what is said anew by the rules of an event that is sent, the rest by its schema. Throws
 * `validation_error`.
 */
export function readAmendment(body: unknown): Type.Static<typeof CorrectionInput> & { readonly changes: EventChanges } {
  if (!isJsonObject(body)) throw absent(body)
  const { event, ...correction } = body
  const checked = checkCorrection(correction) as { value: Type.Static<typeof CorrectionInput> } | { error: Error }
  if ('error' in checked) throw checked.error
  return { ...checked.value, changes: readChanges(event) }
}

function absent(body: unknown): AppError {
  const msg = body == null ? 'the request has no body' : 'must be an object'
  return validationError([{ loc: ['body'], msg, type: body == null ? 'missing' : 'dict_type' }])
}

function readChanges(sent: unknown): EventChanges {
  if (!isJsonObject(sent)) throw validationError([envelopeIssue(sent)])
  const issues = Object.entries(sent).flatMap(([field, value]) => findFault(field, value))
  if (issues.length > 0) throw validationError(issues)
  const whole = { transaction_id: 'amended', external_customer_id: 'amended', code: 'amended', ...sent }
  const parsed = parseUsageEvent(whole, { loc: ['body', 'event'], receivedAtMicros: 0 })
  if ('issues' in parsed) throw validationError(parsed.issues)
  const { code, externalSubscriptionId, timestampMicros, properties, preciseTotalAmountCents } = parsed.event
  return {
    ...('code' in sent ? { code } : {}),
    ...('external_subscription_id' in sent ? { externalSubscriptionId } : {}),
    ...('timestamp' in sent ? { timestampMicros } : {}),
    ...('precise_total_amount_cents' in sent ? { preciseTotalAmountCents: preciseTotalAmountCents ?? null } : {}),
    ...('properties' in sent ? { properties } : {}),
  }
}

function envelopeIssue(sent: unknown): Issue {
  const loc = ['body', 'event']
  if (sent === undefined) return { loc, msg: 'this field is required', type: 'missing' }
  return { loc, msg: 'must be an object with the fields to amend', type: 'object_type' }
}

function findFault(field: string, value: unknown): Issue[] {
  const loc = ['body', 'event', field]
  if (!AMENDABLE.has(field)) return [{ loc, msg: 'cannot be amended', type: 'extra_forbidden' }]
  // Left out of an event that is sent, it is the time of receipt; an amendment has none of that kind.
  if (field === 'timestamp' && value === null) return [{ loc, msg: 'must be a time', type: 'timestamp' }]
  return []
}
