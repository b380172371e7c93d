import { validationError } from '../../shared/errors.ts'
import { isJsonObject } from '../../shared/json/exact-json.ts'

/** What is wrong with a field. */
export interface EnvelopeFault {
  readonly msg: string
  readonly type: string
}

/**
 * The value of the one field that a body has. Throws `validation_error` with every fault: when it is missing, what
 * `faultOf` finds in it, and each field beside it.
 */
export function requireEnvelope(
  body: unknown,
  field: string,
  faultOf: (value: unknown) => EnvelopeFault | undefined = () => undefined,
): unknown {
  if (!isJsonObject(body)) throw validationError([{ loc: ['body'], msg: 'must be an object', type: 'dict_type' }])
  const { [field]: value, ...others } = body
  const fault = value === undefined ? { msg: 'this field is required', type: 'missing' } : faultOf(value)
  const issues = [
    ...Object.keys(others).map((name) => ({ loc: ['body', name], msg: 'unknown field', type: 'extra_forbidden' })),
    ...(fault === undefined ? [] : [{ loc: ['body', field], ...fault }]),
  ]
  if (issues.length > 0) throw validationError(issues)
  return value
}
