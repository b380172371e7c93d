import type { FastifySchemaCompiler, RouteOptions } from 'fastify'
import Type, { type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'
import { type Issue, validationError } from '../shared/errors.ts'
import { decimalOf, isRawNumber } from '../shared/json/exact-json.ts'
import { MAX_FIELDS } from './oversize-body.ts'
import { issuesOf } from './validation-issues.ts'

// The library counts each unknown field of an object before it names them all; the answer is cut to `MAX_ISSUES` later.
Settings.Set({ maxErrors: 2 * MAX_FIELDS })

/**
 * Checks a part of a request. Bodies are taken as they are: a wrong type is never coerced. Queries and paths arrive as
 * text, so whole numbers in them are read from it; a query parameter that a route does not know is refused, because a
 * misspelt filter would show everything. Missing fields get their defaults.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart = 'body' }) => {
  const validator = Compile(httpPart === 'querystring' ? { ...schema, additionalProperties: false } : schema)
  const place = PLACES[httpPart] ?? httpPart
  return (input: unknown) => {
    const issue = findAbsent(input, schema, place) ?? findUnstorable(input, [place])
    if (issue !== undefined) return { error: validationError([issue]) }
    const read = httpPart === 'body' ? withPlainIntegers(input ?? {}) : withReadIntegers(input, schema)
    const value = Value.Default(schema, read)
    if (validator.Check(value)) return { value }
    return { error: validationError(issuesOf(validator.Errors(value), place)) }
  }
}

/** Gives a route that takes no query the schema of an empty one, so that a parameter sent to it is refused too. */
export function refuseUnknownQueries(route: RouteOptions): void {
  route.schema = { querystring: Type.Object({}), ...route.schema }
}

/** For routes whose bodies are checked by hand: the schema of the body documents, everything else is checked. */
export const exceptBodies: FastifySchemaCompiler<TSchema> = (part) =>
  part.httpPart === 'body' ? () => true : validatorCompiler(part)

const PLACES: Readonly<Record<string, string>> = { querystring: 'query', params: 'path', headers: 'header' }

// A request without a body counts as one with an empty object, as long as nothing in it is required.
function findAbsent(input: unknown, schema: TSchema, place: string): Issue | undefined {
  const mayBeEmpty = !('required' in schema) || (schema.required as string[]).length === 0
  if (input != null || mayBeEmpty) return undefined
  return { loc: [place], msg: 'the request has no body', type: 'missing' }
}

// `1.0` and `1e2` are integers; what a double cannot hold stays a `RawNumber`, which only decimal fields accept.
function withPlainIntegers(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isRawNumber(value)) {
    // Asked of the text, because the double of 0.99999999999999999999 is a whole number.
    const number = decimalOf(value)?.isInteger() ? Number(value.rawJSON) : undefined
    return Number.isSafeInteger(number) ? number : value
  }
  if (Array.isArray(value)) return value.map(withPlainIntegers)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withPlainIntegers(inner)]))
}

// What is not written as a whole number stays text, which the check then refuses.
function withReadIntegers(input: unknown, schema: TSchema): unknown {
  const { properties = {} } = schema as { properties?: Readonly<Record<string, { readonly type?: string }>> }
  const fields = Object.entries(input ?? {}).map(([name, value]: [string, unknown]) => {
    const isInteger = properties[name]?.type === 'integer' && /^-?\d{1,15}$/.test(String(value))
    return [name, isInteger && typeof value === 'string' ? Number(value) : value]
  })
  return Object.fromEntries(fields)
}

// Postgres text and jsonb can hold neither a NUL nor half of a surrogate pair.
function findUnstorable(value: unknown, loc: readonly (string | number)[]): Issue | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : unstorable(loc)
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return undefined
  for (const [key, inner] of Object.entries(value)) {
    const place = Array.isArray(value) ? Number(key) : key
    const issue = isStorable(key) ? findUnstorable(inner, [...loc, place]) : unstorable(loc)
    if (issue !== undefined) return issue
  }
  return undefined
}

function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

function unstorable(loc: readonly (string | number)[]): Issue {
  return { loc, msg: 'must not contain the NUL character or half of a surrogate pair', type: 'string_unstorable' }
}
