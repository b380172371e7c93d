import { setTimeout as pause } from 'node:timers/promises'
import { isUnreachable } from '../shared/unreachable.ts'

const FIRST_DELAY_MS = 250
const LAST_DELAY_MS = 5_000

export interface OutageOptions {
  /** Ends the waiting: the work then fails with what kept it from being done. */
  readonly signal: AbortSignal
  /** Told of every try that failed. */
  readonly onOutage: (error: Error, delayMs: number) => void
}

/**
 * Does the work, and while the database cannot be reached does it again, however long that takes: an outage is no
 * failure of a job and must not use up its attempts. Waiting with the job in hand leaves all others in the queue.
 */
export async function outlastOutage<Result>(
  work: () => Promise<Result>,
  { signal, onOutage }: OutageOptions,
): Promise<Result> {
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, LAST_DELAY_MS)) {
    try {
      return await work()
    } catch (error) {
      if (!isUnreachable(error) || signal.aborted) throw error
      onOutage(error as Error, delayMs)
      // Ended early, the next try is the last.
      await pause(delayMs, undefined, { signal }).catch(() => undefined)
    }
  }
}
