import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 20

/** Resolves with how long it took until the condition held, in milliseconds. Throws with `what` at the deadline. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<number> {
  const startedAt = performance.now()
  while (!(await holds())) {
    const waitedMs = performance.now() - startedAt
    if (waitedMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`)
    await pause(POLL_MS)
  }
  return Math.round(performance.now() - startedAt)
}
