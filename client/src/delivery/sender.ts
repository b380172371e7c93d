import { callBack } from '../call-back.ts'
import { ClientError } from '../client-error.ts'
import type { RejectedEvent, RejectionIssue, Settings } from '../client-options.ts'
import { numberedText } from '../event-text.ts'
import type { Range } from '../spool/progress.ts'
import type { SpooledBatch } from '../spool/read-batch.ts'
import type { RejectedEvents } from '../spool/rejected-events.ts'
import type { Spool } from '../spool/spool.ts'
import { backoffMs } from './backoff.ts'
import { judgeBatchAnswer, judgeFailure, type Verdict } from './judge-answer.ts'
import { type Destination, postDropped, postEvents } from './service-requests.ts'
import { WaitingFlushes } from './waiting-flushes.ts'
import { WakingPause } from './waking-pause.ts'

export type SenderSettings = Pick<
  Settings,
  'url' | 'apiKey' | 'requestTimeoutMs' | 'batchEvents' | 'flushIntervalMs' | 'maxBackoffMs' | 'onRejected'
>

interface Parts {
  readonly spool: Spool
  readonly rejectedEvents: RejectedEvents
  readonly settings: SenderSettings
  readonly onError: (error: ClientError) => void
}

interface AnsweredBatch {
  readonly batch: SpooledBatch
  /** Why events were rejected, by their place. */
  readonly rejected: ReadonlyMap<number, readonly RejectionIssue[]>
}

type Failure = Extract<Verdict, { kind: 'wait' | 'stop' }>

// A key that was refused may be allowed again.
const STOPPED_FOR_MS = 60_000
const REPORT_AGAIN_AFTER_MS = 60_000
const MAX_REPORTED_RANGES = 5_000

/** Takes events from the spool to the service, one batch after the other, until it is stopped. */
export class Sender {
  readonly #parts: Parts
  readonly #destination: Destination
  readonly #abort = new AbortController()
  readonly #pause = new WakingPause()
  readonly #running: Promise<void>
  readonly #flushes = new WaitingFlushes()
  #stopped = false
  /** Why nothing is sent until a person helps. */
  #refusal: ClientError | undefined
  /** What is recorded meanwhile must not cut the wait short. */
  #mustWait = false
  /** The service itself said how long to wait. */
  #told = false
  #failures = 0
  #batchEvents: number
  #waitingSinceMs: number | undefined = 0
  /** What the service has answered for and the spool has not noted yet: never sent again. */
  #answered: AnsweredBatch | undefined
  /** When the service may be told again of events that will not come, after it refused to hear of them. */
  #reportFromMs = 0

  constructor(parts: Parts) {
    this.#parts = parts
    const { url, apiKey, requestTimeoutMs, batchEvents } = parts.settings
    const { producerId } = parts.spool
    this.#destination = { url, apiKey, requestTimeoutMs, producerId, signal: this.#abort.signal }
    this.#batchEvents = batchEvents
    this.#running = this.#run()
  }

  /** To be called when the spool has grown. */
  notice(): void {
    const { spool, settings } = this.#parts
    const isFirst = this.#waitingSinceMs === undefined
    this.#waitingSinceMs ??= performance.now()
    const waiting = spool.lastSequence - spool.settledThrough
    if (!this.#mustWait && (isFirst || waiting >= settings.batchEvents)) this.#pause.wake()
  }

  /** Resolves once all that is in the spool now is settled. Rejects after the time, and while the service refuses the key. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.#refusal !== undefined) throw this.#refusal
    const flushed = this.#flushes.add(this.#parts.spool.lastSequence, timeoutMs)
    this.#wakeUnlessTold()
    await flushed
  }

  /** Ends what is under way; what was not settled is sent after the next opening. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#abort.abort()
    this.#pause.wake()
    await this.#running
    this.#flushes.reject(
      new ClientError('closed', 'the client was closed before everything was sent; it stays in the spool'),
    )
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const waitMs = this.#waitMs()
      if (waitMs > 0) await this.#pause.wait(waitMs)
      else await this.#take()
    }
  }

  // Until the batch is full, or the first of it has waited long enough, or somebody asks.
  #waitMs(): number {
    const { spool, settings } = this.#parts
    this.#resolveFlushes()
    const waiting = spool.lastSequence - spool.settledThrough
    if (waiting <= 0) this.#waitingSinceMs = undefined
    const nowMs = performance.now()
    const reportInMs = spool.unreported.length > 0 ? this.#reportFromMs - nowMs : Infinity
    if (reportInMs <= 0 || this.#flushes.size > 0 || waiting >= settings.batchEvents) return 0
    if (this.#waitingSinceMs === undefined) return reportInMs
    return Math.min(reportInMs, this.#waitingSinceMs + settings.flushIntervalMs - nowMs)
  }

  async #take(): Promise<void> {
    const failure = await this.#sendNext().catch((error: unknown) => ({
      kind: 'wait' as const,
      error: asClientError(error),
    }))
    if (failure === undefined) {
      this.#failures = 0
      this.#refusal = undefined
      return
    }
    if (this.#stopped) return
    // The client itself tells that the spool is gone, and ends.
    if (failure.error.code !== 'spool_lock_lost') this.#parts.onError(failure.error)
    await this.#waitAfter(failure)
  }

  async #waitAfter(failure: Failure): Promise<void> {
    if (failure.kind === 'stop') {
      this.#refusal = failure.error
      this.#flushes.reject(failure.error)
    }
    const { maxBackoffMs: maxMs } = this.#parts.settings
    const told = failure.kind === 'stop' ? Math.max(STOPPED_FOR_MS, maxMs) : failure.atLeastMs
    const ownMs = backoffMs(this.#failures, { maxMs, random: Math.random() })
    this.#failures += 1
    this.#mustWait = true
    this.#told = told !== undefined
    await this.#pause.wait(Math.max(told ?? 0, ownMs))
    this.#mustWait = false
    this.#told = false
  }

  // A wait of our own choice gives way to somebody who asks; one that the service asked for does not.
  #wakeUnlessTold(): void {
    if (!this.#told) this.#pause.wake()
  }

  #resolveFlushes(): void {
    const { spool } = this.#parts
    if (this.#mayReport()) return
    this.#flushes.resolveThrough(spool.settledThrough)
  }

  // One request at most; what it fails with, if it does.
  async #sendNext(): Promise<Failure | undefined> {
    const { spool } = this.#parts
    if (this.#mayReport()) return await this.#reportDropped(spool.unreported.slice(0, MAX_REPORTED_RANGES))
    const failure = this.#answered === undefined ? await this.#sendBatch() : undefined
    if (failure === undefined && this.#answered !== undefined) await this.#settle(this.#answered)
    return failure
  }

  async #sendBatch(): Promise<Failure | undefined> {
    const { spool } = this.#parts
    const batch = await spool.readBatch(this.#batchEvents)
    if (batch.events.length === 0) return undefined
    const verdict = judgeBatchAnswer(await postEvents(this.#destination, batch.events), batch.events.length, Date.now())
    if (verdict.kind === 'wait' || verdict.kind === 'stop') return verdict
    if (verdict.kind === 'divide' && batch.events.length > 1) this.#batchEvents = Math.ceil(batch.events.length / 2)
    else
      this.#answered = {
        batch,
        rejected: verdict.kind === 'divide' ? new Map([[0, verdict.issues]]) : verdict.rejected,
      }
    return undefined
  }

  async #reportDropped(ranges: readonly Range[]): Promise<Failure | undefined> {
    const answer = await postDropped(this.#destination, ranges)
    if (answer.status === 200) {
      await this.#parts.spool.markReported(ranges)
      return undefined
    }
    const failure = judgeFailure(answer, Date.now()) as Failure
    if (failure.error.code === 'overloaded') return failure
    // Who may not say this may still send events, and they matter more.
    this.#reportFromMs = performance.now() + REPORT_AGAIN_AFTER_MS
    this.#parts.onError(failure.error)
    return undefined
  }

  #mayReport(): boolean {
    return this.#parts.spool.unreported.length > 0 && performance.now() >= this.#reportFromMs
  }

  // Kept aside before the batch is settled, so that a crash in between rejects them again and loses none.
  async #settle({ batch, rejected }: AnsweredBatch): Promise<void> {
    const { spool, settings } = this.#parts
    const found = batch.events.flatMap(({ sequence, text }, index) => {
      const errors = rejected.get(index)
      return errors === undefined
        ? []
        : [{ sequence, errors, event: numberedText(text, { producerId: spool.producerId, sequence }) }]
    })
    if (found.length > 0) await this.#keepAside(found)
    await spool.settle(batch, rangesOf(found.map(({ sequence }) => sequence)))
    this.#answered = undefined
    this.#batchEvents = Math.min(settings.batchEvents, this.#batchEvents * 2)
    this.#waitingSinceMs = performance.now()
    for (const { event, ...rest } of found)
      this.#tellRejected({ ...rest, event: JSON.parse(event) as RejectedEvent['event'] })
  }

  async #keepAside(
    found: readonly { sequence: number; errors: readonly RejectionIssue[]; event: string }[],
  ): Promise<void> {
    const texts = found.map(({ errors, ...rest }) => ({ ...rest, errors: JSON.stringify(errors) }))
    const { discarded } = await this.#parts.rejectedEvents.add(texts)
    if (!discarded) return
    const message = 'rejected.ndjson was full twice, so the older rejected events are gone'
    this.#parts.onError(new ClientError('rejected_events_discarded', message))
  }

  #tellRejected(rejected: RejectedEvent): void {
    callBack('onRejected', () => this.#parts.settings.onRejected?.(rejected))
  }
}

function rangesOf(ascending: readonly number[]): Range[] {
  const ranges: [number, number][] = []
  for (const sequence of ascending) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] + 1 === sequence) last[1] = sequence
    else ranges.push([sequence, sequence])
  }
  return ranges
}

function asClientError(error: unknown): ClientError {
  return error instanceof ClientError ? error : new ClientError('spool_write_failed', String(error), error)
}
