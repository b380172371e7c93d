import { ClientError, type ClientErrorCode } from './client-error.ts'
import {
  type ClientOptions,
  type RejectedEvent,
  type RejectionIssue,
  readOptions,
  requireTimeout,
  type Settings,
} from './client-options.ts'
import { Sender } from './delivery/sender.ts'
import { eventText, type UsageEvent } from './event-text.ts'
import { errorReporter, type ReportError } from './report-error.ts'
import { RejectedEvents } from './spool/rejected-events.ts'
import { Spool } from './spool/spool.ts'

export type { ClientErrorCode, ClientOptions, RejectedEvent, RejectionIssue, UsageEvent }
export { ClientError }

/** What an event was recorded as. */
export interface RecordedEvent {
  readonly transactionId: string
  /** Its number among all events of this spool, from 1. */
  readonly sequence: number
}

const FLUSH_WITHIN_MS = 30_000
const CLOSE_WITHIN_MS = 10_000

/**
 * Opens the spool, and goes on sending what an earlier process has left in it. Throws `invalid_option`, `spool_locked`
 * while another process has the folder, and `spool_unreadable` or `spool_write_failed` when the disk does not give or take
 * what it must; the cause is the error of the file system.
 */
export async function openClient(options: ClientOptions): Promise<TabkeeperClient> {
  return await TabkeeperClient.open(options)
}

/** Records events durably on this machine and sends them in the background, each so that it counts exactly once. */
export class TabkeeperClient {
  readonly #spool: Spool
  readonly #sender: Sender
  readonly #settings: Settings
  readonly #report: ReportError
  #closing: Promise<{ readonly unsentEvents: number }> | undefined
  #lost = false

  private constructor(
    spool: Spool,
    settings: Settings,
    { lost, onError }: { lost: AbortSignal; onError: ReportError },
  ) {
    lost.addEventListener('abort', () => this.#abandon())
    this.#spool = spool
    this.#settings = settings
    this.#report = onError
    const rejectedEvents = new RejectedEvents(settings.spoolDirectory)
    this.#sender = new Sender({ spool, rejectedEvents, settings, onError })
    for (const path of spool.damaged) {
      this.#report(new ClientError('spool_damaged', `events of ${path} cannot be read; all others are sent`))
    }
  }

  /** As `openClient`, which is shorter. */
  static async open(options: ClientOptions): Promise<TabkeeperClient> {
    const settings = readOptions(options)
    const lost = new AbortController()
    const onError = errorReporter(settings.onError)
    const spool = await Spool.open(settings, { onLost: () => lost.abort(), onError })
    return new TabkeeperClient(spool, settings, { lost: lost.signal, onError })
  }

  /** Names this spool at the service, under `GET /v1/event_producers`. */
  get producerId(): string {
    return this.#spool.producerId
  }

  /** How many recorded events are neither accepted nor rejected yet. */
  get unsentEvents(): number {
    return Math.max(0, this.#spool.lastSequence - this.#spool.settledThrough)
  }

  /**
   * Resolves once the event is durable on this machine; the service need not be there. Rejects with `spool_full` when
   * too much waits to be sent, and with `invalid_event`; then nothing was recorded.
   */
  async record(event: UsageEvent): Promise<RecordedEvent> {
    this.#requireOpen()
    const { transactionId, text } = eventText(event)
    const sequence = await this.#spool.append(Buffer.from(text))
    this.#sender.notice()
    return { transactionId, sequence }
  }

  /**
   * Resolves once all that was recorded before is accepted or rejected. Rejects with `flush_timed_out` after the time and
   * with `unauthorized` when the service refuses the key; the events stay in the spool. The time may be Infinity.
   */
  async flush({ timeoutMs = FLUSH_WITHIN_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#requireOpen()
    requireTimeout(timeoutMs)
    await this.#sender.flush(timeoutMs)
  }

  /**
   * Flushes within the time, then gives the folder free. What is left is told, stays in the spool, and is sent after the
   * next opening. A second call answers the same.
   */
  async close({
    timeoutMs = CLOSE_WITHIN_MS,
  }: {
    readonly timeoutMs?: number
  } = {}): Promise<{ readonly unsentEvents: number }> {
    requireTimeout(timeoutMs)
    this.#closing ??= this.#close(timeoutMs)
    return await this.#closing
  }

  // Another process has taken the folder, or it was removed: this one must neither write nor send any more.
  #abandon(): void {
    this.#lost = true
    const left = `${this.unsentEvents} events that were not sent are with the other process, or lost with the folder`
    const message = `${this.#settings.spoolDirectory} was taken by another process or removed; ${left}`
    this.#report(new ClientError('spool_lock_lost', message))
    // Whoever closes is told what fails.
    this.close({ timeoutMs: 0 }).catch(() => undefined)
  }

  async #close(timeoutMs: number): Promise<{ readonly unsentEvents: number }> {
    try {
      await this.#spool.settleAppends()
      if (!this.#lost) await this.#sender.flush(timeoutMs).catch(() => undefined)
      await this.#sender.stop()
      return { unsentEvents: this.unsentEvents }
    } finally {
      await this.#spool.close()
    }
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw new ClientError('closed', 'the client is closed')
  }
}
