import { ClientError } from '../client-error.ts'
import type { ReportError } from '../report-error.ts'
import { type Progress, writeProgress } from './progress.ts'
import { Turns } from './turns.ts'

const WRITE_AGAIN_AFTER_MS = 10_000

/**
 * Progress that counts at once and is on the disk as soon as the disk takes it. What a crash takes of it is sent again,
 * which the service does not count a second time.
 */
export class KeptProgress {
  readonly #folder: string
  readonly #onError: ReportError
  readonly #turns = new Turns()
  #progress: Progress
  #isWritten = true
  #again: NodeJS.Timeout | undefined

  constructor(folder: string, { progress, onError }: { readonly progress: Progress; readonly onError: ReportError }) {
    this.#folder = folder
    this.#progress = progress
    this.#onError = onError
  }

  get now(): Progress {
    return this.#progress
  }

  /** Whether a crash would take nothing of it. */
  get isWritten(): boolean {
    return this.#isWritten
  }

  /**
   * Whether nothing up to this sequence is needed any more. Rejected events are, until the disk has noted that they are to
   * be reported: after a crash they are sent and rejected once more.
   */
  covers(throughSequence: number): boolean {
    const { settledThrough, unreported } = this.#progress
    if (throughSequence > settledThrough) return false
    return this.#isWritten || !unreported.some(([first]) => first <= throughSequence)
  }

  /** Resolves when it was tried to be written; what fails is told once, and tried again later. */
  async set(progress: Progress): Promise<void> {
    this.#progress = progress
    await this.write()
  }

  async write(): Promise<void> {
    await this.#turns.take(() => this.#write())
  }

  /** Tries to write no more. */
  close(): void {
    clearTimeout(this.#again)
  }

  async #write(): Promise<void> {
    clearTimeout(this.#again)
    try {
      await writeProgress(this.#folder, this.#progress)
      this.#isWritten = true
    } catch (error) {
      this.#again = setTimeout(() => void this.write(), WRITE_AGAIN_AFTER_MS).unref()
      if (this.#isWritten) this.#onError(notWritten(error))
      this.#isWritten = false
    }
  }
}

function notWritten(error: unknown): ClientError {
  const message = `what was sent cannot be noted, and is sent again after a restart: ${String(error)}`
  return new ClientError('spool_write_failed', message, error)
}
