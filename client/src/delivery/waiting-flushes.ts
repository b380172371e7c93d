import { ClientError } from '../client-error.ts'

interface Flush {
  readonly through: number
  readonly resolve: () => void
  readonly reject: (error: ClientError) => void
}

// A timer cannot be longer; it only keeps the process alive while somebody waits.
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Callers that wait until what was recorded before is settled. */
export class WaitingFlushes {
  readonly #flushes = new Set<Flush>()

  get size(): number {
    return this.#flushes.size
  }

  /**
   * Resolves once all through this sequence is settled. Rejects with `flush_timed_out` after the time, which may be
   * Infinity. Unlike the client's own timers this one keeps the process alive: somebody waits.
   */
  async add(through: number, timeoutMs: number): Promise<void> {
    const { promise, resolve, reject } = withResolvers()
    const flush = { through, resolve, reject }
    const timer =
      timeoutMs === Infinity
        ? setInterval(() => undefined, LONGEST_TIMER_MS)
        : setTimeout(() => reject(timedOut(timeoutMs)), timeoutMs)
    this.#flushes.add(flush)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#flushes.delete(flush)
    }
  }

  resolveThrough(sequence: number): void {
    for (const flush of this.#flushes) {
      if (flush.through > sequence) continue
      this.#flushes.delete(flush)
      flush.resolve()
    }
  }

  reject(error: ClientError): void {
    for (const flush of this.#flushes) flush.reject(error)
    this.#flushes.clear()
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: ClientError) => void } {
  let resolve = (): void => undefined
  let reject: (error: ClientError) => void = () => undefined
  const promise = new Promise<void>((whenDone, whenFailed) => {
    resolve = whenDone
    reject = whenFailed
  })
  return { promise, resolve, reject }
}

function timedOut(timeoutMs: number): ClientError {
  return new ClientError('flush_timed_out', `not everything was sent within ${timeoutMs} ms; it stays in the spool`)
}
