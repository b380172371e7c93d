import type { TLocalizedValidationError } from 'typebox/error'
import { type Issue, MAX_ISSUES } from '../shared/errors.ts'

/** What is wrong with a request, in the words of the API: one issue per fault, at the field that has it. */
export function issuesOf(errors: readonly TLocalizedValidationError[], place: string): Issue[] {
  const issues = errors.filter(isCause).flatMap((error) => issuesOfOne(error, [place, ...pathOf(error.instancePath)]))
  return issues.length > 0
    ? issues.slice(0, MAX_ISSUES)
    : [{ loc: [place], msg: 'is not acceptable', type: 'value_error' }]
}

// A field that may be null is a choice of two; what counts is why the other choice was refused. An unknown field is
// named by its object already.
function isCause(error: TLocalizedValidationError): boolean {
  if (error.keyword === 'anyOf' || error.keyword === 'boolean') return false
  return !(error.keyword === 'type' && error.params.type === 'null')
}

function issuesOfOne(error: TLocalizedValidationError, loc: readonly (string | number)[]): Issue[] {
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) => issue([...loc, name], 'this field is required', 'missing'))
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => issue([...loc, name], 'unknown field', 'extra_forbidden'))
    case 'type':
      return [typeIssue(loc, String(error.params.type))]
    case 'enum':
      return [issue(loc, `must be one of ${error.params.allowedValues.join(', ')}`, 'enum')]
    case 'minLength':
      return [issue(loc, `must have at least ${error.params.limit} characters`, 'string_too_short')]
    case 'maxLength':
      return [issue(loc, `must have at most ${error.params.limit} characters`, 'string_too_long')]
    case 'minimum':
      return [issue(loc, `must be at least ${error.params.limit}`, 'greater_than_equal')]
    case 'maximum':
      return [issue(loc, `must be at most ${error.params.limit}`, 'less_than_equal')]
    case 'minItems':
      return [issue(loc, `must have at least ${error.params.limit} items`, 'too_short')]
    case 'maxItems':
      return [issue(loc, `must have at most ${error.params.limit} items`, 'too_long')]
    case 'format':
      return [formatIssue(loc, error.params.format)]
    case 'pattern':
      return [issue(loc, `must match ${error.params.pattern}`, 'string_pattern_mismatch')]
    default:
      return [issue(loc, error.message, 'value_error')]
  }
}

const TYPES: Readonly<Record<string, readonly [type: string, msg: string]>> = {
  string: ['string_type', 'must be a string'],
  integer: ['int_type', 'must be a whole number'],
  number: ['number_type', 'must be a number'],
  boolean: ['bool_type', 'must be true or false'],
  array: ['list_type', 'must be a list'],
  object: ['dict_type', 'must be an object'],
}

function typeIssue(loc: readonly (string | number)[], expected: string): Issue {
  const [type, msg] = TYPES[expected] ?? ['value_error', `must be of the type ${expected}`]
  return issue(loc, msg, type)
}

const FORMATS: Readonly<Record<string, readonly [type: string, msg: string]>> = {
  uuid: ['uuid_parsing', 'must be a UUID'],
  'date-time': ['datetime_parsing', 'must be an RFC 3339 time such as 2026-01-31T00:00:00Z'],
  email: ['email_parsing', 'must be an e-mail address'],
}

function formatIssue(loc: readonly (string | number)[], format: string): Issue {
  const [type, msg] = FORMATS[format] ?? ['format', `must have the format ${format}`]
  return issue(loc, msg, type)
}

function issue(loc: readonly (string | number)[], msg: string, type: string): Issue {
  return { loc, msg, type }
}

function pathOf(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^(?:0|[1-9]\d*)$/.test(part) ? Number(part) : part))
}
