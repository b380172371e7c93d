import type { Issue } from '../../shared/errors.ts'
import { validationError } from '../../shared/errors.ts'
import { isRawNumber } from '../../shared/json/exact-json.ts'
import { parseUsageEvent, type UsageEvent } from '../../shared/metering/usage-event.ts'
import type { ApiContext } from '../context.ts'
import type { Receipt } from './organization-clock.ts'

/** The most events that one request may carry. */
const MAX_BATCH_EVENTS = 5_000

/** What became of one event of a batch. */
export interface EventResult {
  readonly transaction_id: string | null
  readonly status: 'accepted' | 'rejected'
  readonly errors?: Issue[]
}

export interface BatchOutcome {
  readonly accepted: number
  readonly rejected: number
  readonly results: EventResult[]
  /** Every issue of every rejected event. */
  readonly issues: Issue[]
}

type EventContext = Pick<ApiContext, 'ingestBuffer' | 'organizationClock'>

/** Takes in one event; answers its transaction id once it is durable. */
export async function acceptEvent(context: EventContext, organizationId: number, body: unknown): Promise<string> {
  const receipt = await context.organizationClock.receivedAt(organizationId)
  const parsed = parseUsageEvent(body, { loc: ['body'], receivedAtMicros: receipt.micros })
  if ('issues' in parsed) throw validationError(parsed.issues)
  await context.ingestBuffer.add(organizationId, receipt, [parsed.event])
  return parsed.event.transactionId
}

/**
 * Takes in the acceptable events of a batch, and resolves once they are durable; the others are named with their
 * faults. Throws `validation_error` when the envelope is wrong.
 */
export async function acceptBatch(context: EventContext, organizationId: number, body: unknown): Promise<BatchOutcome> {
  const values = requireEnvelope(body)
  const receipt = await context.organizationClock.receivedAt(organizationId)
  const { events, ...outcome } = readBatch(values, receipt)
  if (events.length > 0) await context.ingestBuffer.add(organizationId, receipt, events)
  return outcome
}

function readBatch(values: readonly unknown[], { micros }: Receipt): BatchOutcome & { readonly events: UsageEvent[] } {
  const events: UsageEvent[] = []
  const issues: Issue[] = []
  const results = values.map((value, index): EventResult => {
    const parsed = parseUsageEvent(value, { loc: ['body', 'events', index], receivedAtMicros: micros })
    if ('event' in parsed) {
      events.push(parsed.event)
      return { transaction_id: parsed.event.transactionId, status: 'accepted' }
    }
    issues.push(...parsed.issues)
    return { transaction_id: transactionIdOf(value), status: 'rejected', errors: [...parsed.issues] }
  })
  return { accepted: events.length, rejected: values.length - events.length, results, issues, events }
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
  if (events.length === 0) return [{ name: 'events', msg: 'must have at least 1 event', type: 'too_short' }]
  if (events.length <= MAX_BATCH_EVENTS) return []
  return [{ name: 'events', msg: `must have at most ${MAX_BATCH_EVENTS} events`, type: 'too_long' }]
}

function transactionIdOf(value: unknown): string | null {
  const id = isObject(value) ? value['transaction_id'] : undefined
  return typeof id === 'string' ? id : null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}
