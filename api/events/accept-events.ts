import { eventRecords } from '../../db/usage/record-writer.ts'
import { type Issue, MAX_ISSUES, shortIssue, validationError } from '../../shared/errors.ts'
import { isJsonObject } from '../../shared/json/exact-json.ts'
import type { ParsedEvent, UsageEvent } from '../../shared/metering/usage-event.ts'
import type { ApiContext } from '../context.ts'
import type { JsonBody } from '../json-body.ts'
import type { EnvelopeFault } from './envelope.ts'
import type { EventGroup } from './ingest-buffer.ts'
import type { Receipt } from './organization-clock.ts'
import type { AcceptedEvent, PlainBatch } from './plain-events.ts'

/** The most events that one request may carry, unless it is a stream. */
export const MAX_BATCH_EVENTS = 5_000

/** What became of one event of a batch. */
interface EventResult {
  readonly transaction_id: string | null
  readonly status: 'accepted' | 'rejected'
  readonly errors?: Issue[]
}

interface BatchOutcome {
  readonly accepted: number
  readonly rejected: number
  readonly results: EventResult[]
  /** The first issues of the rejected events, up to `MAX_ISSUES`. */
  readonly issues: Issue[]
}

/** The answer to a batch. */
export interface BatchAnswer {
  readonly status: 202 | 422
  /** JSON text as bytes: as characters it would be the largest thing that lives through the wait in the heap. */
  readonly body: Buffer
}

/** What taking in events needs. */
export type EventContext = Pick<ApiContext, 'ingestBuffer' | 'ingestGate' | 'organizationClock'>

/** How events are written: where they stand in a body, how one is read and which field of it names it. */
export interface EventFormat {
  /** Throws `validation_error` when the body is no list of events of this format. */
  readonly requireList: (body: unknown) => { readonly values: readonly unknown[]; readonly loc: readonly string[] }
  readonly parse: (
    value: unknown,
    place: { loc: readonly (string | number)[]; receivedAtMicros: number },
  ) => ParsedEvent
  readonly idField: string
  /** Reads the body without parsing it, where it is as it should be and as bodies of this format usually are. */
  readonly readPlain?: (body: Buffer, receivedAtMicros: number) => PlainBatch | undefined
}

/** Takes in one event; answers its transaction id once it is durable. `read` is told when it was received. */
export async function acceptEvent(
  context: EventContext,
  organizationId: number,
  read: (receivedAtMicros: number) => AcceptedEvent,
): Promise<string> {
  const receipt = await context.organizationClock.receivedAt(organizationId)
  const { record, transactionId } = read(receipt.micros)
  await addEvents(context, organizationId, receipt, { records: record, count: 1 })
  return transactionId
}

/** The same of an event that was parsed. Throws `validation_error` with all that is wrong with it. */
export function acceptedEvent(parsed: ParsedEvent): AcceptedEvent {
  if ('issues' in parsed) throw validationError(parsed.issues)
  return { record: eventRecords([parsed.event]), transactionId: parsed.event.transactionId }
}

/**
 * Takes in the acceptable events of a batch, and resolves once they are durable; the others are named with their
 * faults. Throws `validation_error` when the envelope is wrong. The body is taken and let go of, and the answer is written,
 * before the wait: what lives through it as objects outlives the young generation, and collecting that costs as much as
 * reading it did.
 */
export async function acceptBatch(
  context: EventContext,
  organizationId: number,
  takeBody: () => JsonBody,
  format: EventFormat,
): Promise<BatchAnswer> {
  const receipt = await context.organizationClock.receivedAt(organizationId)
  const { durable, answer } = addBatch(context, organizationId, receipt, readBatch(takeBody(), receipt, format))
  await durable
  return answer
}

function addBatch(
  context: EventContext,
  organizationId: number,
  receipt: Receipt,
  { records, count, answer }: ReadBatch,
): { durable: Promise<void> | undefined; answer: BatchAnswer } {
  const durable = count > 0 ? addEvents(context, organizationId, receipt, { records, count }) : undefined
  return { durable, answer }
}

/** The records of the events that were accepted, and the answer to all. */
interface ReadBatch extends EventGroup {
  readonly answer: BatchAnswer
}

function readBatch(body: JsonBody, receipt: Receipt, format: EventFormat): ReadBatch {
  const plain = format.readPlain?.(body.bytes, receipt.micros)
  if (plain !== undefined) return { ...plain, answer: { status: 202, body: plain.answer } }
  const { events, ...outcome } = parseBatch(body.parse(), receipt, format)
  return { records: eventRecords(events), count: events.length, answer: answerOf(outcome) }
}

function answerOf({ accepted, rejected, results, issues }: BatchOutcome): BatchAnswer {
  if (accepted > 0) return { status: 202, body: Buffer.from(JSON.stringify({ accepted, rejected, results })) }
  return { status: 422, body: Buffer.from(JSON.stringify({ detail: issues, code: 'validation_error', results })) }
}

/** Resolves once the events are durable; throws as `IngestBuffer.add` does. */
export function addEvents(
  { ingestBuffer, ingestGate }: EventContext,
  organizationId: number,
  receipt: Receipt,
  events: EventGroup,
): Promise<void> {
  const durable = ingestBuffer.add(organizationId, receipt, events)
  ingestGate.accepted(events.count)
  return durable
}

/** What is wrong with a list of events as a whole. */
export function listFault(events: unknown): EnvelopeFault | undefined {
  if (!Array.isArray(events)) return { msg: 'must be a list', type: 'list_type' }
  if (events.length === 0) return { msg: 'must have at least 1 event', type: 'too_short' }
  if (events.length <= MAX_BATCH_EVENTS) return undefined
  return { msg: `must have at most ${MAX_BATCH_EVENTS} events`, type: 'too_long' }
}

const MAX_ID_LENGTH = 255

/** The id of an event that was refused, as far as it can be read, or is as long as one may be. */
export function readableId(value: unknown, idField: string): string | null {
  const id = isJsonObject(value) ? value[idField] : undefined
  return typeof id === 'string' ? id.slice(0, MAX_ID_LENGTH) : null
}

function parseBatch(
  body: unknown,
  { micros }: Receipt,
  { requireList, parse, idField }: EventFormat,
): BatchOutcome & { readonly events: UsageEvent[] } {
  const { values, loc } = requireList(body)
  const events: UsageEvent[] = []
  const issues: Issue[] = []
  const place = { loc: [], receivedAtMicros: micros }
  const results = values.map((value, index): EventResult => {
    const parsed = parse(value, place)
    if ('event' in parsed) {
      events.push(parsed.event)
      return { transaction_id: parsed.event.transactionId, status: 'accepted' }
    }
    const errors = parsed.issues.map((issue) => shortIssue({ ...issue, loc: [...loc, index, ...issue.loc] }))
    issues.push(...errors.slice(0, MAX_ISSUES - issues.length))
    return { transaction_id: readableId(value, idField), status: 'rejected', errors }
  })
  return { accepted: events.length, rejected: values.length - events.length, results, issues, events }
}
