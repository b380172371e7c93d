import Type, { type TProperties, type TSchema } from 'typebox'
import { ERRORS, type ErrorCode, validationError } from '../../shared/errors.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { isoOfMicros, parseTimestampMicros } from '../../shared/metering/timestamp.ts'
import { INLINE_TITLE } from '../named-schemas.ts'

/** A field that may be null. */
export function Nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()])
}

/** A choice of words. A title makes it a named schema of the document. */
export function Choice<const Values extends readonly [string, ...string[]]>(
  values: Values,
  options: { title?: string; description?: string; default?: Values[number] } = {},
) {
  return Type.Unsafe<Values[number]>({ type: 'string', enum: [...values], ...options })
}

/** A request body or a part of one; unknown fields are refused. The title names the schema in the document. */
export function Input<Properties extends TProperties>(title: string, properties: Properties, options: object = {}) {
  return Type.Object(properties, { title, additionalProperties: false, ...options })
}

/** An answer or a part of one. */
export function Output<Properties extends TProperties>(title: string, properties: Properties, options: object = {}) {
  return Type.Object(properties, { title, ...options })
}

/** The answer of a list of such items. */
export function ListOf<Item extends TSchema>(title: string, item: Item) {
  return Output(title, {
    data: Type.Array(item),
    next_cursor: Nullable(Type.String({ description: 'Ask for the next page with it; null on the last one.' })),
  })
}

export const Uuid = Type.String({ format: 'uuid' })
export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC, up to microseconds.' })
export const TimeInput = Type.String({ format: 'date-time', description: 'RFC 3339 with an offset.' })
export const Decimal = Type.String({ description: 'An exact decimal.', examples: ['0.0000025'] })

/** A decimal in a request; the validator lets every value pass, because the field is read from its source text. */
export const DecimalInput = Type.Unsafe<unknown>({
  title: 'DecimalInput',
  description: 'An exact decimal: text, or a JSON number, which is read from its source text.',
  examples: ['1500000', 12.5],
})

/** A name that stands in paths. Clients take `.` and `..` there for steps through folders, however they are escaped. */
export const PATH_NAME = { minLength: 1, maxLength: 255, pattern: '^(?!\\.{1,2}$)' }
export const Code = Type.String(PATH_NAME)
export const Name = Type.String({ minLength: 1, maxLength: 255 })
export const CurrencyCode = Type.String({
  minLength: 3,
  maxLength: 3,
  description: 'ISO 4217, in capital letters.',
  examples: ['USD'],
})
export const TimeZoneName = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'A name of the IANA time zone database.',
  examples: ['Europe/Berlin'],
})
export const Cents = Type.Integer({
  description: 'Integer minor units of the currency, as many digits as ISO 4217 says.',
})
export const JsonObject = Type.Record(Type.String(), Type.Unknown())

const ValidationError = Output('ValidationError', {
  loc: Type.Unsafe<readonly (string | number)[]>({
    [INLINE_TITLE]: 'Location',
    type: 'array',
    items: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
    description: 'Where it stands: the part of the request, then the path inside.',
    examples: [['body', 'charges', 0, 'properties', 'amount']],
  }),
  msg: Type.String({ [INLINE_TITLE]: 'Message' }),
  type: Type.String({ [INLINE_TITLE]: 'Error Type', description: 'Stable; compare with this one.' }),
})

export const HTTPValidationError = Output(
  'HTTPValidationError',
  {
    detail: Type.Array(ValidationError, { [INLINE_TITLE]: 'Detail' }),
    code: Choice(['validation_error']),
  },
  { description: 'Validation error' },
)

type Failure = { detail: string; code: ErrorCode }

/** What every route with a key can answer. */
const ALWAYS: readonly ErrorCode[] = [
  'bad_request',
  'unauthorized',
  'forbidden',
  'request_timeout',
  'payload_too_large',
  'unsupported_media_type',
  'validation_error',
  'internal_error',
  'server_overloaded',
]

/** The failures of a route by status, for its `response`; what every route can answer is added. */
export function failures(...codes: readonly ErrorCode[]): { 401: ReturnType<typeof ErrorAnswer> } {
  const byStatus = Map.groupBy(new Set([...ALWAYS, ...codes]), (code) => ERRORS[code].status)
  return Object.fromEntries([...byStatus].map(([status, codesOfStatus]) => [status, failureSchema(codesOfStatus)])) as {
    401: ReturnType<typeof ErrorAnswer>
  }
}

const RETRY_AFTER = { type: 'integer', description: 'Seconds to wait before the request is sent again.' }

function failureSchema(codes: readonly ErrorCode[]): TSchema {
  const saysWhen = codes.some((code) => ERRORS[code].status === 429 || code === 'server_overloaded')
  return saysWhen ? { ...bodySchema(codes), headers: { 'retry-after': RETRY_AFTER } } : bodySchema(codes)
}

function bodySchema(codes: readonly ErrorCode[]): TSchema {
  const others = codes.filter((code) => code !== 'validation_error')
  if (others.length === codes.length) return ErrorAnswer(others)
  return others.length === 0 ? HTTPValidationError : Type.Union([HTTPValidationError, ErrorAnswer(others)])
}

/** The shape of every error but a validation's. */
export function ErrorAnswer(codes: readonly ErrorCode[]) {
  return Type.Unsafe<Failure>({
    type: 'object',
    description: `Code ${codes.map((code) => `\`${code}\``).join(' or ')}`,
    required: ['detail', 'code'],
    properties: {
      detail: { type: 'string', description: 'What is wrong and what to do about it, in one sentence.' },
      code: { type: 'string', enum: [...codes], description: 'Stable; compare with this one.' },
    },
  })
}

/** An instant from the text of a field. Throws `validation_error` for what is no time, or none of the years 2000 to 2099. */
export function readInstant(text: string, field: string, place: 'body' | 'query' = 'body'): Temporal.Instant {
  const micros = parseTimestampMicros(text)
  if (micros !== undefined && text.includes('-')) return Temporal.Instant.from(isoOfMicros(micros))
  const msg = 'must be an RFC 3339 time with an offset, between the years 2000 and 2100'
  throw validationError([{ loc: [place, field], msg, type: 'datetime_parsing' }])
}

/** An integer of any size as a JSON integer; beyond 2^53 the serializer writes its digits. */
export function jsonInteger(value: string | bigint): number {
  return parseExactJson(String(value)) as number
}
