import { ClientError } from '../client-error.ts'
import type { Settings } from '../client-options.ts'
import { numberedText } from '../event-text.ts'
import type { Range } from '../spool/progress.ts'
import type { SpooledEvent } from '../spool/read-batch.ts'
import type { ReceivedAnswer } from './judge-answer.ts'

/** Where requests go, and as whom. */
export type Destination = Pick<Settings, 'url' | 'apiKey' | 'requestTimeoutMs'> & {
  readonly producerId: string
  /** Ends requests that are under way. */
  readonly signal: AbortSignal
}

/** Sends events; resolves with whatever answers. Throws `unreachable` when nothing does in time. */
export function postEvents(destination: Destination, events: readonly SpooledEvent[]): Promise<ReceivedAnswer> {
  const { producerId } = destination
  const texts = events.map(({ text, sequence }) => numberedText(text, { producerId, sequence }))
  return post(destination, '/v1/events/batch', `{"events":[${texts.join(',')}]}`)
}

/** Says which events will never come. */
export function postDropped(destination: Destination, ranges: readonly Range[]): Promise<ReceivedAnswer> {
  const body = {
    producer_id: destination.producerId,
    ranges: ranges.map(([first, last]) => ({ first_sequence: first, last_sequence: last })),
  }
  return post(destination, '/v1/event_producers/dropped', JSON.stringify(body))
}

async function post(destination: Destination, path: string, body: string): Promise<ReceivedAnswer> {
  const { url, apiKey, requestTimeoutMs, signal } = destination
  // Of its own, because what is derived from a signal that lives as long as the client would live as long.
  const request = new AbortController()
  const end = (): void => request.abort(signal.reason)
  const timer = setTimeout(() => request.abort(new Error(`no answer within ${requestTimeoutMs} ms`)), requestTimeoutMs)
  timer.unref()
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body,
      // A redirect would turn the request into one without a body.
      redirect: 'manual',
      signal: request.signal,
    })
    const { status, headers } = response
    return { status, retryAfter: headers.get('retry-after'), date: headers.get('date'), text: await response.text() }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    throw new ClientError('unreachable', `${url} does not answer: ${String(cause)}`, error)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}
