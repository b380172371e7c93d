import { type Issue, validationError } from '../../shared/errors.ts'
import { decimalText, isJsonObject } from '../../shared/json/exact-json.ts'
import { MAX_EVENT_ISSUES, type ParsedEvent, parseUsageEvent } from '../../shared/metering/usage-event.ts'
import { type EventFormat, listFault } from './accept-events.ts'
import { readAttributes, type SentHeaders } from './cloud-event-headers.ts'

type Loc = readonly (string | number)[]

/** A list of CloudEvents 1.0 in the JSON batch format. */
export const CLOUD_EVENTS: EventFormat = { requireList, parse: parseCloudEvent, idField: 'id' }

/** Reads a CloudEvent 1.0 of the JSON format. Faults name the attribute. */
export function parseCloudEvent(
  value: unknown,
  { loc, receivedAtMicros }: { loc: Loc; receivedAtMicros: number },
): ParsedEvent {
  if (!isJsonObject(value)) return { issues: [{ loc, msg: 'an event is a JSON object', type: 'object_type' }] }
  const { data, data_base64: binary, ...attributes } = value
  const parsed = parseAttributes({ attributes, data, receivedAtMicros, locOf: (name) => [...loc, name] })
  if (binary == null) return parsed
  const issue = { loc: [...loc, 'data_base64'], msg: 'data must be JSON, in "data"', type: 'extra_forbidden' }
  return { issues: 'issues' in parsed ? [...parsed.issues, issue] : [issue] }
}

/** Reads a CloudEvent 1.0 whose attributes are headers. Faults name the header. */
export function parseBinaryCloudEvent(
  { headers, body }: { headers: SentHeaders; body: unknown },
  receivedAtMicros: number,
): ParsedEvent {
  const locOf = (name: string): Loc => (name === 'data' ? ['body'] : ['header', `ce-${name}`])
  const read = readAttributes(headers)
  const issues = read.flatMap(([name, attribute]) =>
    'fault' in attribute ? [{ loc: locOf(name), ...attribute.fault }] : [],
  )
  if (issues.length > 0) return { issues: issues.slice(0, MAX_EVENT_ISSUES) }
  const attributes = Object.fromEntries(read.map(([name, attribute]) => [name, 'text' in attribute && attribute.text]))
  return parseAttributes({ attributes, data: body, receivedAtMicros, locOf })
}

// The batch format allows an empty list; who sends one has nothing to say, and is told so as everywhere.
function requireList(body: unknown): ReturnType<EventFormat['requireList']> {
  const fault = listFault(body)
  if (fault !== undefined) throw validationError([{ loc: ['body'], ...fault }])
  return { values: body as unknown[], loc: ['body'] }
}

interface Attributes {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly data: unknown
  readonly receivedAtMicros: number
  readonly locOf: (attribute: string) => Loc
}

function parseAttributes({ attributes, data, receivedAtMicros, locOf }: Attributes): ParsedEvent {
  // An attribute that is null counts as left out.
  const present = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null))
  const { specversion, id, source, type, subject, time, datacontenttype, dataschema: _, ...others } = present
  const { externalsubscriptionid, precisetotalamountcents, producerid, producersequence, ...unnamed } = others
  const { traceparent: __, tracestate: ___, ...extensions } = unnamed
  const parsed = parseUsageEvent(
    {
      transaction_id: id,
      source,
      external_customer_id: subject,
      code: type,
      timestamp: isNumber(time) ? undefined : time,
      external_subscription_id: externalsubscriptionid,
      precise_total_amount_cents: precisetotalamountcents,
      producer_id: producerid,
      producer_sequence: wholeNumber(producersequence),
      properties: withExtensions(data, extensions),
    },
    { loc: [], receivedAtMicros },
  )
  const named = 'issues' in parsed ? parsed.issues.map((issue) => inAttributes(issue, { data, extensions, locOf })) : []
  const faults = [
    ...contextFaults({ specversion, source, time, datacontenttype }),
    ...Object.entries(extensions).flatMap(([name, value]) => extensionFaults(name, value)),
  ].map(({ attribute, ...fault }) => ({ loc: locOf(attribute), ...fault }))
  const issues = [...named, ...faults].slice(0, MAX_EVENT_ISSUES)
  return issues.length === 0 ? parsed : { issues }
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  transaction_id: 'id',
  external_customer_id: 'subject',
  code: 'type',
  timestamp: 'time',
  external_subscription_id: 'externalsubscriptionid',
  precise_total_amount_cents: 'precisetotalamountcents',
  producer_id: 'producerid',
  producer_sequence: 'producersequence',
  properties: 'data',
}

function inAttributes(
  { loc, ...fault }: Issue,
  { data, extensions, locOf }: Pick<Attributes, 'data' | 'locOf'> & { readonly extensions: object },
): Issue {
  const [field = '', ...path] = loc
  const [name = ''] = path
  // A property that is an extension attribute stands beside the data, unless the data has it too.
  const isExtension = field === 'properties' && Object.hasOwn(extensions, name) && !Object.hasOwn(Object(data), name)
  if (isExtension) return { loc: [...locOf(String(name)), ...path.slice(1)], ...fault }
  return { loc: [...locOf(ATTRIBUTES[field] ?? String(field)), ...path], ...fault }
}

interface Fault {
  readonly attribute: string
  readonly msg: string
  readonly type: string
}

function contextFaults({ specversion, source, time, datacontenttype }: Readonly<Record<string, unknown>>): Fault[] {
  const faults: Fault[] = []
  const refuse = (attribute: string, msg: string, type: string) => faults.push({ attribute, msg, type })
  if (specversion === undefined) refuse('specversion', 'this field is required', 'missing')
  else if (specversion !== '1.0') refuse('specversion', 'must be "1.0"', 'literal_error')
  if (source === undefined) refuse('source', 'this field is required', 'missing')
  else if (source === '') refuse('source', 'must have 1 to 255 characters', 'string_length')
  // Seconds since 1970, which our own events may have, are no time here.
  if (isNumber(time)) refuse('time', 'must be an RFC 3339 time', 'timestamp')
  if (datacontenttype !== undefined && !isJson(datacontenttype)) {
    refuse('datacontenttype', 'must be application/json', 'media_type')
  }
  return faults
}

function isNumber(time: unknown): boolean {
  return /^-?[\d.]+(?:e[+-]?\d+)?$/i.test(decimalText(time) ?? '')
}

function extensionFaults(attribute: string, value: unknown): Fault[] {
  if (!/^[a-z0-9]+$/.test(attribute)) {
    return [{ attribute, msg: 'names of attributes have lower-case letters and digits', type: 'extra_forbidden' }]
  }
  if (isJsonObject(value) || Array.isArray(value)) {
    return [{ attribute, msg: 'must be a string, a number or a boolean', type: 'string_type' }]
  }
  return []
}

// What the data itself says comes before what stands beside it.
function withExtensions(data: unknown, extensions: Readonly<Record<string, unknown>>): unknown {
  if (Object.keys(extensions).length === 0 || (data != null && !isJsonObject(data))) return data
  return { ...extensions, ...data }
}

// The integers of CloudEvents end at 2^31, and headers are text.
function wholeNumber(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
}

function isJson(mediaType: unknown): boolean {
  return typeof mediaType === 'string' && /^(?:application|text)\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(mediaType)
}
