import { ClientError } from '../client-error.ts'
import type { RejectionIssue } from '../client-options.ts'

/** An answer of the service, or of something on the way to it. */
export interface ReceivedAnswer {
  readonly status: number
  readonly retryAfter: string | null
  /** When it was sent, by the clock of whoever sent it. */
  readonly date: string | null
  readonly text: string
}

/**
 * What an answer to a batch means. `settled`: each event is accepted, or rejected for the reasons under its place.
 * `divide`: the batch as a whole is refused, so the one at fault is looked for in halves; `issues` are those of a batch of
 * one. `wait`: nothing is promised, the same batch goes again. `stop`: so it does, but it takes a person to help.
 */
export type Verdict =
  | { readonly kind: 'settled'; readonly rejected: ReadonlyMap<number, readonly RejectionIssue[]> }
  | { readonly kind: 'divide'; readonly issues: readonly RejectionIssue[] }
  | { readonly kind: 'wait'; readonly error: ClientError; readonly atLeastMs?: number }
  | { readonly kind: 'stop'; readonly error: ClientError }

interface AnswerBody {
  readonly results?: readonly { readonly status?: unknown; readonly errors?: readonly RejectionIssue[] }[]
  readonly detail?: unknown
  readonly code?: unknown
}

/** Reads the answer to a batch of `count` events. */
export function judgeBatchAnswer(answer: ReceivedAnswer, count: number, nowMs: number): Verdict {
  const body = parsed(answer.text)
  const { results } = body
  if ((answer.status === 202 || answer.status === 422) && Array.isArray(results) && results.length === count) {
    const rejected = new Map<number, readonly RejectionIssue[]>()
    for (const [index, { status, errors = [] }] of results.entries())
      if (status === 'rejected') rejected.set(index, errors)
    return { kind: 'settled', rejected }
  }
  if (isTooLarge(answer.status, body, count) || isRefusalOfBody(answer.status, body))
    return { kind: 'divide', issues: issuesOf(answer, body) }
  return judgeFailure(answer, nowMs)
}

/** What any answer other than the expected one means. */
export function judgeFailure(answer: ReceivedAnswer, nowMs: number): Verdict {
  const said = `the service answered ${answer.status}: ${answer.text.slice(0, 200)}`
  if (answer.status === 401 || answer.status === 403)
    return { kind: 'stop', error: new ClientError('unauthorized', said) }
  if (answer.status === 429 || answer.status === 503) {
    const error = new ClientError('overloaded', said)
    const sentAtMs = Date.parse(answer.date ?? '')
    const atLeastMs = retryAfterMs(answer.retryAfter, Number.isNaN(sentAtMs) ? nowMs : sentAtMs)
    return atLeastMs === undefined ? { kind: 'wait', error } : { kind: 'wait', error, atLeastMs }
  }
  return { kind: 'wait', error: new ClientError('unexpected_answer', said) }
}

// Whatever is asked for, so that one wrong answer does not silence a client for days.
const LONGEST_WAIT_MS = 3_600_000

/**
 * Retry-After is a number of seconds or an HTTP date, which is measured against the clock it was made by. An hour at most.
 */
export function retryAfterMs(text: string | null, sentAtMs: number): number | undefined {
  if (text === null || text.trim() === '') return undefined
  const ms = /^\s*\d+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - sentAtMs
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LONGEST_WAIT_MS)
}

// Only the service itself may say that an event is wrong: a proxy that answers 400 or 404 must cost no event.
function isRefusalOfBody(status: number, { code }: AnswerBody): boolean {
  return (status === 400 || status === 422) && (code === 'validation_error' || code === 'bad_request')
}

// Of a single event it is the service's word as well; many may just be too many for a proxy.
function isTooLarge(status: number, { code }: AnswerBody, count: number): boolean {
  return status === 413 && (count > 1 || code === 'payload_too_large')
}

function issuesOf({ status, text }: ReceivedAnswer, { detail, code }: AnswerBody): readonly RejectionIssue[] {
  if (Array.isArray(detail)) return detail as readonly RejectionIssue[]
  return [{ loc: ['body'], msg: text.slice(0, 200), type: typeof code === 'string' ? code : `status_${status}` }]
}

function parsed(text: string): AnswerBody {
  try {
    const value = JSON.parse(text) as AnswerBody | null
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
